"""The trivial scorers of a configuration; those that are fitted see the train pairs and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmx.config.strict import build_strict
from rmx.domain import PreferencePair
from rmx.errors import ConfigError
from rmx.run.judged import baseline_nodes
from rmx.scorers import BASELINES, Scorer, build_baseline

__all__ = ["build_baselines", "check_baselines"]


@dataclass(frozen=True)
class _Node:
    kind: str


def check_baselines(nodes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of baselines that the `scorer` node names, in order.

    Nothing is fitted, so this can come before training.

    Raises:
        ConfigError: An unknown key or kind, or two nodes of one kind, whose rewards would share a name.
    """
    kinds: dict[str, str] = {}
    for name, node in baseline_nodes(nodes).items():
        kind = build_strict(_Node, node, where=f"scorer.{name}").kind
        if kind in kinds:
            raise ConfigError(f"scorer.{name}.kind: scorer.{kinds[kind]} is {kind} already; leave one of them out")
        kinds[kind] = name
    return tuple(kinds)


def build_baselines(nodes: Mapping[str, Any], train: Sequence[PreferencePair] | None) -> list[Scorer]:
    """Build the baselines of the `scorer` node, in order.

    Args:
        nodes: Parameters by name.
        train: Train pairs, or None where they are not at hand: fitted baselines are then left out, and the audits and
            the report say that they were not provided.

    Raises:
        ConfigError: As `check_baselines`.
    """
    kinds = check_baselines(nodes)
    decided = [pair for pair in train or () if not pair.tied]
    return [build_baseline(kind, decided) for kind in kinds if train is not None or not BASELINES[kind].fitted]
