"""One thing the gate wants: which audited number, and where its whole interval has to lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rmx.audits import AUDITS
from rmx.audits.verdict import Bounds
from rmx.config.nearest import did_you_mean
from rmx.config.schema import GateConfig
from rmx.config.strict import build_strict
from rmx.errors import ConfigError

__all__ = ["Requirement", "build_requirements"]


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A bound on one audited number, as written in `conf/gate/`.

    `prove`: the whole interval must lie inside. `refute`: blocks only if the whole interval lies outside.
    """

    kind: Literal["prove", "refute"]
    audit: str
    slice: str
    metric: str
    scorer: str = "model"
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    within: float | None = None
    """The absolute value must be below this; stands alone."""

    def __post_init__(self) -> None:
        if self.audit not in AUDITS:
            raise ValueError(f"audit {self.audit} is unknown; {did_you_mean(self.audit, AUDITS)}")
        metrics = AUDITS[self.audit].metrics
        if self.metric not in metrics:
            raise ValueError(
                f"metric {self.metric} is none of audit {self.audit}; {did_you_mean(self.metric, metrics)}"
            )
        lows = sum(b is not None for b in (self.above, self.at_least))
        highs = sum(b is not None for b in (self.below, self.at_most))
        if self.within is not None and (lows or highs or self.within <= 0):
            raise ValueError("within must be above zero and stand without another bound")
        if lows > 1 or highs > 1 or (self.within is None and lows + highs == 0):
            raise ValueError("give within, or one of above and at_least, or one of below and at_most, or one of each")

    @property
    def bounds(self) -> Bounds:
        """Where the metric may lie."""
        if self.within is not None:
            return Bounds(-self.within, self.within, low_strict=True, high_strict=True)
        return Bounds(
            self.at_least if self.above is None else self.above,
            self.at_most if self.below is None else self.below,
            low_strict=self.above is not None,
            high_strict=self.below is not None,
        )

    @property
    def words(self) -> str:
        """The bound in signs, for example `> 0.6` or `|x| < 0.2`."""
        signs = (
            ("|x| <", self.within),
            (">", self.above),
            (">=", self.at_least),
            ("<", self.below),
            ("<=", self.at_most),
        )
        return " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)


def build_requirements(gate: GateConfig) -> dict[str, Requirement]:
    """Build the requirements of a gate by name, in order.

    Raises:
        ConfigError: An unknown key, audit or metric; no bound or contradicting ones; nothing to prove.
    """
    built = {
        name: build_strict(Requirement, node, where=f"gate.requirements.{name}")
        for name, node in gate.requirements.items()
        if node is not None
    }
    if not any(requirement.kind == "prove" for requirement in built.values()):
        raise ConfigError(f"gate.requirements: gate {gate.name} proves nothing, so it would pass anything; add a prove")
    return built
