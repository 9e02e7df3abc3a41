"""One note where answers come from a policy of another lineage than the reward that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rmx.data.files import expand_paths, file_rows
from rmx.model.lineage import Lineage, lineage_note
from rmx.scorers.kind import JudgedScorer
from rmx.scorers.reward_model import Reward

__all__ = ["print_lineage_notes", "sampled_rows"]


def print_lineage_notes(rows: Iterable[Mapping[str, Any]], reward: JudgedScorer) -> None:
    """Print a note for each policy of another lineage than the reward among rows that `rmx.sample` wrote.

    Rows from elsewhere do not say what they were drawn from, and of scorers that read no tokens there is nothing to
    compare: nothing is said of these.
    """
    if not isinstance(reward, Reward):
        return
    own = _lineage(reward)
    policies = {Lineage.of(row["sampling"]): None for row in rows if isinstance(row.get("sampling"), Mapping)}
    for policy in policies:
        if note := lineage_note(policy, own):
            print(f"note: {note}")


def sampled_rows(slices: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of the files that slices of samples name."""
    for name, node in slices.items():
        # What is wrong with a node, whoever builds the slice will say.
        if isinstance(node, Mapping) and node.get("from", name) == "samples" and node.get("path") is not None:
            yield from (row for file in expand_paths(node["path"]) for _, row in file_rows(file))


def _lineage(reward: Reward) -> Lineage:
    recorded = {} if reward.contract is None else dict(reward.contract.model)
    if "model_type" not in recorded:
        config = getattr(getattr(reward.network, "network", None), "config", None)
        recorded["model_type"] = getattr(config, "model_type", "")
    # Exports from before it was recorded: theirs is the tokenizer that lies beside the weights.
    recorded.setdefault("tokenizer_hash", reward.renderer.tokenizer_fingerprint)
    return Lineage.of(recorded)
