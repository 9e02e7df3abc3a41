"""Which scorer a configuration judges: what `reward` names, or the one node of `scorer` that is no baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmx.config.schema import Config
from rmx.errors import ConfigError
from rmx.scorers import BASELINES
from rmx.scorers.base import PairwiseJudge, TextScorer
from rmx.scorers.kind import ScorerKind, Surroundings
from rmx.scorers.registry import build_kind, kind_of
from rmx.scorers.reward_path import RewardPath

__all__ = ["baseline_nodes", "find_judged", "load_text_scorer", "refuse_judged", "surroundings"]


def find_judged(config: Config) -> ScorerKind:
    """Return the judged scorer's parameters; nothing is loaded.

    Raises:
        ConfigError: A node that is wrong, two of them, or a `reward` that the node does not read or lacks.
    """
    judged = _judged_nodes(config.scorer)
    if len(judged) > 1:
        first, second = list(judged)[:2]
        raise ConfigError(
            f"scorer.{second}.kind: scorer.{first} is judged already, one at a time is; leave one of them out, "
            "and compare finished evaluations with rmx.audit scores=[A,B]"
        )
    if not judged:
        return RewardPath()
    ((name, node),) = judged.items()
    kind = build_kind(node, where=f"scorer.{name}")
    if kind.reads_reward and config.reward is None:
        raise ConfigError(f"reward: missing value; scorer.{name} scores with what reward=DIR names")
    if not kind.reads_reward and config.reward is not None:
        raise ConfigError(
            f"reward: {config.reward} would not be read, scorer.{name} is judged; leave one of them out, "
            "and compare finished evaluations with rmx.audit scores=[A,B]"
        )
    return kind


def load_text_scorer(config: Config) -> TextScorer:
    """Load the judged scorer where single texts are scored, and print what is to be known of it.

    Raises:
        ConfigError: As `find_judged`, or it compares pairs.
    """
    kind = find_judged(config)
    scorer = kind.load(surroundings(config, streaming=True))
    if isinstance(scorer, PairwiseJudge):
        raise ConfigError(f"scorer: {kind.kind} compares pairs and gives no text a reward; give a scorer of texts")
    for flag in scorer.flags:
        print(f"note: {flag}")
    return scorer


def refuse_judged(nodes: Mapping[str, Any]) -> None:
    """Refuse a node that is judged, where the judged model is the one that is trained.

    Raises:
        ConfigError: There is one, or a node that is wrong.
    """
    for name, node in _judged_nodes(nodes).items():
        raise ConfigError(
            f"scorer.{name}.kind: {node['kind']} would be judged in place of the model that is trained; "
            "leave it out, and judge it with rmx.evaluate"
        )


def baseline_nodes(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes that the judged scorer is compared with.

    Raises:
        ConfigError: A node without a kind, or of one that is not known.
    """
    return {name: node for name, node in nodes.items() if kind_of(node, where=f"scorer.{name}") in BASELINES}


def surroundings(config: Config, *, streaming: bool = False) -> Surroundings:
    """Return what a scorer finds around it; `streaming` where texts come in pieces."""
    return Surroundings(
        reward=None if config.reward is None else str(config.reward),
        device="cpu" if config.trainer.accelerator == "cpu" else None,
        max_tokens=config.batch.max_tokens,
        layout=config.batch.layout,
        cache=Path(config.paths.cache),
        streaming=streaming,
    )


def _judged_nodes(nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in nodes.items() if kind_of(node, where=f"scorer.{name}") not in BASELINES}
