"""The kinds of scorers that may be judged, by name, built strictly from configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.config.nearest import did_you_mean
from rmx.config.strict import build_strict
from rmx.errors import ConfigError
from rmx.scorers import BASELINES
from rmx.scorers.dpo import DPO
from rmx.scorers.ensemble import Ensemble
from rmx.scorers.export import Export
from rmx.scorers.generative import Generative
from rmx.scorers.huggingface import HuggingFace
from rmx.scorers.kind import ScorerKind
from rmx.scorers.logprob import LogProb
from rmx.scorers.process import Process
from rmx.scorers.table import Table
from rmx.scorers.trl import Trl
from rmx.scorers.verifier import Verifier

__all__ = ["SCORERS", "build_kind", "kind_of"]

SCORERS: dict[str, type[ScorerKind]] = {
    "dpo": DPO,
    "ensemble": Ensemble,
    "generative": Generative,
    "hf": HuggingFace,
    "logprob": LogProb,
    "process": Process,
    "rmx": Export,
    "table": Table,
    "trl": Trl,
    "verifier": Verifier,
}


def kind_of(node: Any, *, where: str) -> str:
    """Return the kind that a node names, a baseline's or a judged scorer's.

    Raises:
        ConfigError: It names none, or one that is not known.
    """
    known = [*BASELINES, *SCORERS]
    if not isinstance(node, Mapping) or node.get("kind") in (None, "???"):
        raise ConfigError(f"{where}.kind: missing value; give one of {', '.join(sorted(known))}")
    kind = node["kind"]
    if kind not in known:
        raise ConfigError(f"{where}.kind: {kind!r} is not known; {did_you_mean(str(kind), known)}")
    return str(kind)


def build_kind(node: Mapping[str, Any], *, where: str) -> ScorerKind:
    """Build the parameters of a judged scorer.

    Raises:
        ConfigError: As `kind_of`, a baseline's kind, an unknown parameter, or a value of the wrong type.
    """
    kind = kind_of(node, where=where)
    if kind in BASELINES:
        raise ConfigError(f"{where}.kind: {kind} is a baseline; {did_you_mean(kind, SCORERS)}")
    return build_strict(SCORERS[kind], {k: v for k, v in node.items() if k != "kind"}, where=where)
