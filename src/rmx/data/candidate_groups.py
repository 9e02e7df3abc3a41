"""The completions that a split's comparisons have of each prompt, as samples: candidate groups with their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from rmx.config.schema import DataConfig
from rmx.data.comparison import Comparison
from rmx.data.expand import build_adapter
from rmx.data.prepared import Prepared
from rmx.data.sources import open_sources
from rmx.data.validate import first_violation
from rmx.domain import Message, Origin
from rmx.errors import DataError

__all__ = ["candidate_groups"]

_WON: Mapping[str, tuple[float, float]] = {"first": (1.0, 0.0), "second": (0.0, 1.0), "tie": (0.5, 0.5)}
"""What the first and the second side get by a comparison's label; one that says nothing of them counts nothing."""


@dataclass
class _Group:
    """A prompt's completions in order of appearance."""

    origin: Origin
    won: dict[str, list[float]] = field(default_factory=dict)
    """By completion, what it got in each of its comparisons."""
    reference: set[str] = field(default_factory=set)


def candidate_groups(
    prepared: Prepared, split: str, data: DataConfig, *, reference: str | None, at_least: int
) -> Iterator[tuple[Origin, dict[str, Any]]]:
    """Yield a row of samples for each prompt of a split: its distinct completions, with how they fared as gold.

    Gold of a completion is the mean of its comparisons, a win 1, a draw ½, a loss 0; draws count here, although no pair
    is made of them. Against one opponent, the `reference`, that is the rate of wins over it, and the reference's own
    completion is worth ½ by definition: it would win or draw against itself.

    Args:
        prepared: The run's data; only prompts of this split are read.
        split: validation or heldout.
        data: Where the rows are.
        reference: Policy whose completions are what the others are compared with (tags chosen_policy and
            rejected_policy); None where there is no such one.
        at_least: A prompt with fewer distinct completions has null and the reason `few_completions`.

    Raises:
        DataError: The rows cannot be read, or no completion is the reference's.
    """
    prompts = {pair.prompt: pair.group for pair in prepared.splits[split]}
    groups: dict[tuple[Message, ...], _Group] = {}
    policies: set[str] = set()
    for comparison in _comparisons(prepared, data):
        prompt = comparison.first[:-1]
        # A tie is no defect here; whatever else is wrong with the texts is.
        usable = comparison.label in _WON and first_violation(replace(comparison, label="first")) is None
        if usable and prompt in prompts:
            group = groups.setdefault(prompt, _Group(comparison.origin))
            policies |= _add(group, comparison, reference)
    if reference is not None and not any(group.reference for group in groups.values()):
        known = f"these do: {', '.join(sorted(policies))}" if policies else "the rows name no policies"
        raise DataError(f"reference {reference!r} wrote no completion of split {split}; {known}")
    for prompt, group in groups.items():
        row = {"prompt": [turn._asdict() for turn in prompt], "group": prompts[prompt]}
        if len(group.won) < at_least:
            reason = f"few_completions: {len(group.won)} distinct ones, at_least={at_least}"
            yield group.origin, {**row, "completions": None, "reason": reason}
            continue
        gold = [0.5 if text in group.reference else sum(won) / len(won) for text, won in group.won.items()]
        yield group.origin, {**row, "completions": list(group.won), "gold": gold}


def _comparisons(prepared: Prepared, data: DataConfig) -> Iterator[Comparison]:
    """Yield the comparisons of all rows that the run has read; of a stream they are not all that there are."""
    for source in open_sources(data):
        adapter = build_adapter(source.data)
        read = prepared.ledger.accounts[source.name].rows_in if source.name else prepared.ledger.rows_in
        for origin, row in islice(source.rows, read):
            yield from adapter(origin, row)


def _add(group: _Group, comparison: Comparison, reference: str | None) -> set[str]:
    """Count a comparison; return the policies that it names."""
    facts = comparison.side_tags or ({}, {})
    sides = zip((comparison.first, comparison.second), _WON[comparison.label], facts, strict=True)
    for dialogue, won, tags in sides:
        text = dialogue[-1].content
        group.won.setdefault(text, []).append(won)
        if reference is not None and tags.get("policy") == reference:
            group.reference.add(text)
    return {tags["policy"] for tags in facts if "policy" in tags}
