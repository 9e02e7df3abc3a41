"""The trivial scorers of a configuration; those that are fitted see the train pairs and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmx.config.strict import build_strict
from rmx.domain import PreferencePair
from rmx.scorers import BASELINES, Scorer, build_baseline

__all__ = ["build_baselines"]


@dataclass(frozen=True)
class _Node:
    kind: str


def build_baselines(nodes: Mapping[str, Any], train: Sequence[PreferencePair] | None) -> list[Scorer]:
    """Build the baselines of the `scorer` node, in order.

    Args:
        nodes: Parameters by name.
        train: Train pairs, or None where they are not at hand: fitted baselines are then left out, and the audits and
            the report say that they were not provided.
    """
    kinds = [build_strict(_Node, node, where=f"scorer.{name}").kind for name, node in nodes.items()]
    known = [k for k in kinds if train is not None or k not in BASELINES or not BASELINES[k].fitted]
    return [build_baseline(kind, train or ()) for kind in known]
