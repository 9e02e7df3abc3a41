"""The table of docs/breadth.md, written from the outcomes of the tests and read back from the page."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PLACE", "cells_of", "table"]

PLACE = "docs/breadth.md"
_BEGIN = "<!-- written by the tests: pytest tests/breadth --breadth-table -->"
_END = "<!-- end of what the tests wrote -->"
Cell = tuple[str, str, str]


def table(outcomes: Mapping[Cell, bool], facts: str) -> str:
    """Return the tables, one row a format and one column a backbone; a cell names the adapters that passed."""
    formats = list(dict.fromkeys(cell[0] for cell in outcomes))
    models = list(dict.fromkeys(cell[1] for cell in outcomes))
    lines = [f"{facts}", "", f"| | {' | '.join(models)} |", f"|---|{'---|' * len(models)}"]
    for data in formats:
        entries = [
            "<br>".join(
                adapter if passed else f"**{adapter} failed**"
                for (d, m, adapter), passed in outcomes.items()
                if (d, m) == (data, model)
            )
            for model in models
        ]
        lines.append(f"| {data} | {' | '.join(entries)} |")
    return "\n".join(lines)


def cells_of(page: str) -> set[Cell]:
    """Return the cells that a page shows as passed."""
    rows = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in _between(page).splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    if not rows:
        return set()
    header, *body = rows
    return {
        (row[0], model, adapter)
        for row in body
        for model, entry in zip(header[1:], row[1:], strict=True)
        for adapter in entry.split("<br>")
        if adapter and not adapter.startswith("**")
    }


def with_table(page: str, text: str) -> str:
    """Return the page with the part that the tests write replaced."""
    head, rest = page.split(_BEGIN)
    return f"{head}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}"


def _between(page: str) -> str:
    return page.split(_BEGIN)[1].split(_END)[0]
