"""The table of docs/breadth.md, written from the outcomes of the tests and read back from the page."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PLACE", "cells_of", "table"]

PLACE = "docs/breadth.md"
_BEGIN = "<!-- written by the tests: pytest tests/breadth --breadth-table -->"
_END = "<!-- end of what the tests wrote -->"
_ALL = "all"
_NONE = "–"
Cell = tuple[str, str, str]


def table(outcomes: Mapping[Cell, bool], facts: str) -> str:
    """Return the page's table, one row a format and one column a backbone; a cell names the adapters that passed."""
    formats, models, adapters = (list(dict.fromkeys(cell[i] for cell in outcomes)) for i in range(3))
    lines = [facts, "", f"{_ALL}: {', '.join(adapters)}.", "", f"| | {' | '.join(models)} |"]
    lines.append(f"|---|{'---|' * len(models)}")
    for data in formats:
        entries = [_entry({a: outcomes[data, m, a] for a in adapters if (data, m, a) in outcomes}) for m in models]
        lines.append(f"| {data} | {' | '.join(entries)} |")
    return "\n".join(lines)


def _entry(passed: Mapping[str, bool]) -> str:
    if all(passed.values()):
        return _ALL if passed else _NONE
    return "<br>".join(adapter if fine else f"**{adapter} failed**" for adapter, fine in passed.items())


def cells_of(page: str) -> set[Cell]:
    """Return the cells that a page shows as passed."""
    lines = _between(page).splitlines()
    named = next((line for line in lines if line.startswith(f"{_ALL}: ")), "")
    adapters = named.removeprefix(f"{_ALL}: ").removesuffix(".").split(", ")
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|") and not line.startswith("|---")
    ]
    if not rows:
        return set()
    header, *body = rows
    return {
        (row[0], model, adapter)
        for row in body
        for model, entry in zip(header[1:], row[1:], strict=True)
        if entry != _NONE
        for adapter in (adapters if entry == _ALL else entry.split("<br>"))
        if not adapter.startswith("**")
    }


def with_table(page: str, text: str) -> str:
    """Return the page with the part that the tests write replaced."""
    head, rest = page.split(_BEGIN)
    return f"{head}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}"


def _between(page: str) -> str:
    return page.split(_BEGIN)[1].split(_END)[0]
