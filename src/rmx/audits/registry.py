"""The audits by name, built strictly from configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmx.audits.accuracy import Accuracy
from rmx.audits.agreement import Agreement
from rmx.audits.annotators import Annotators
from rmx.audits.base import Audit
from rmx.audits.baselines import Baselines
from rmx.audits.benchmarks import JudgeBench, LLMBar, RewardBench, RewardBench2, RMBench
from rmx.audits.best_of_n import BestOfN
from rmx.audits.calibration import Calibration
from rmx.audits.contamination import Contamination
from rmx.audits.cyclic_triads import CyclicTriads
from rmx.audits.degenerate import Degenerate
from rmx.audits.determinism import Determinism
from rmx.audits.distribution_shift import DistributionShift
from rmx.audits.ensemble import Ensemble
from rmx.audits.flattery_effect import FlatteryEffect
from rmx.audits.fold_spread import FoldSpread
from rmx.audits.gold_vs_proxy import GoldVsProxy
from rmx.audits.kl_penalty import KLPenalty
from rmx.audits.length_balanced import LengthBalanced
from rmx.audits.length_controlled import LengthControlled
from rmx.audits.length_effect import LengthEffect
from rmx.audits.length_matched import LengthMatched
from rmx.audits.length_observational import LengthObservational
from rmx.audits.margin import Margin
from rmx.audits.markdown_effect import MarkdownEffect
from rmx.audits.noise_ceiling import NoiseCeiling
from rmx.audits.paired import Paired
from rmx.audits.perturbation import Perturbation
from rmx.audits.position_bias import PositionBias
from rmx.audits.prompt_dependence import PromptDependence
from rmx.audits.refusal_effect import RefusalEffect
from rmx.audits.refusal_matrix import RefusalMatrix
from rmx.audits.reward_variance import RewardVariance
from rmx.audits.scale import Scale
from rmx.audits.scale_drift import ScaleDrift
from rmx.audits.split_overlap import SplitOverlap
from rmx.audits.style_controlled import StyleControlled
from rmx.audits.style_matrix import StyleMatrix
from rmx.audits.sycophancy import Sycophancy
from rmx.config.nearest import did_you_mean
from rmx.config.strict import build_strict
from rmx.errors import ConfigError

__all__ = ["AUDITS", "build_audits"]

AUDITS: dict[str, type[Audit]] = {
    "accuracy": Accuracy,
    "agreement": Agreement,
    "annotators": Annotators,
    "baselines": Baselines,
    "best_of_n": BestOfN,
    "calibration": Calibration,
    "contamination": Contamination,
    "cyclic_triads": CyclicTriads,
    "degenerate": Degenerate,
    "determinism": Determinism,
    "distribution_shift": DistributionShift,
    "ensemble": Ensemble,
    "flattery_effect": FlatteryEffect,
    "fold_spread": FoldSpread,
    "gold_vs_proxy": GoldVsProxy,
    "judge_bench": JudgeBench,
    "kl_penalty": KLPenalty,
    "length_balanced": LengthBalanced,
    "length_controlled": LengthControlled,
    "length_effect": LengthEffect,
    "length_matched": LengthMatched,
    "length_observational": LengthObservational,
    "llmbar": LLMBar,
    "margin": Margin,
    "markdown_effect": MarkdownEffect,
    "noise_ceiling": NoiseCeiling,
    "paired": Paired,
    "perturbation": Perturbation,
    "position_bias": PositionBias,
    "prompt_dependence": PromptDependence,
    "refusal_effect": RefusalEffect,
    "refusal_matrix": RefusalMatrix,
    "reward_bench": RewardBench,
    "reward_bench_2": RewardBench2,
    "reward_variance": RewardVariance,
    "rm_bench": RMBench,
    "scale": Scale,
    "scale_drift": ScaleDrift,
    "split_overlap": SplitOverlap,
    "style_controlled": StyleControlled,
    "style_matrix": StyleMatrix,
    "sycophancy": Sycophancy,
}


def build_audits(nodes: Mapping[str, Any], *, where: str = "audit") -> list[Audit]:
    """Build the configured audits, in order.

    Args:
        nodes: Parameters by name of the audit, as in `conf/audit/`; null means all defaults.
        where: The key that holds them, for messages.

    Raises:
        ConfigError: An unknown audit, an unknown parameter, or a value of the wrong type.
    """
    audits = []
    for name, node in nodes.items():
        if name not in AUDITS:
            raise ConfigError(f"{where}.{name}: unknown audit; {did_you_mean(name, AUDITS)}")
        audits.append(build_strict(AUDITS[name], node, where=f"{where}.{name}"))
    return audits
