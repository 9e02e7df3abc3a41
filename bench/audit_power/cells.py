"""Counts over draws against their bounds: one row for each world and metric."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.audit_power.bounds import (
    coverage_needed,
    detections_needed,
    false_alarms_allowed,
    pooled_alarms_allowed,
)
from bench.audit_power.trials import COVERED, DOSES, FAULTY, Finding
from bench.audit_power.truth import names_of, truth_of

from rmx.audits.verdict import Bounds, judge
from rmx.worlds.latent import latent_worlds

__all__ = ["Cell", "dose_cells", "tenth_cells", "world_cells"]

POINTS = ("split_overlap", "contamination")
"""Audits that count and estimate nothing."""
ONE_SIDED = ("best_of_n.decline_sd", "prompt_dependence.shortfall")
NAMES = {"W5": "annotators.flagged_count"}
"""Worlds with votes enough to name everyone who was planted, and nobody else."""
GATE = {
    "accuracy.accuracy": Bounds(0.60, None, low_strict=True),
    "length_balanced.accuracy": Bounds(0.55, None, low_strict=True),
    "baselines.gain": Bounds(0.0, None, low_strict=True),
    "length_effect.effect_sd": Bounds(-0.2, 0.2),
    "distribution_shift.drop": Bounds(None, 0.05),
    "calibration.log_temperature": Bounds(-0.2, 0.2),
}
"""Bounds of `conf/gate/default.yaml` on the metrics of `FAULTY`."""


@dataclass(frozen=True)
class Cell:
    """One count and its bound."""

    kind: str
    world: str
    metric: str
    count: float
    of: int
    bound: float
    at_least: bool
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bound is met."""
        return self.count >= self.bound if self.at_least else self.count <= self.bound


def world_cells(world: str, draws: Sequence[Sequence[Finding]]) -> list[Cell]:
    """Return detections, exact names, false alarms and coverage of one world."""
    n, preset, truth = len(draws), latent_worlds()[world], truth_of(world)
    by_metric: dict[str, list[Finding]] = {}
    for findings in draws:
        for finding in findings:
            by_metric.setdefault(finding.metric, []).append(finding)
    cells = []
    for metric, found in by_metric.items():
        alarms = sum(f.alarm for f in found)
        if metric in preset.alarms:
            cells.append(Cell("detected", world, metric, alarms, n, detections_needed(n), True))
        if NAMES.get(world) == metric:
            exact = sum(set(f.named) == names_of(world) for f in found)
            cells.append(Cell("named", world, metric, exact, n, coverage_needed(n), True, "all planted, nobody else"))
        if metric in preset.quiet:
            cells.append(Cell("false alarms", world, metric, alarms, n, false_alarms_allowed(n), False))
        judged = metric.partition(".")[0] in COVERED.get(world, ()) or metric in preset.alarms
        if judged and metric in truth and metric.partition(".")[0] not in POINTS:
            value = truth[metric]
            held = sum(f.low is not None and f.high is not None and f.low <= value <= f.high for f in found)
            mean = statistics.fmean(f.estimate for f in found if f.estimate is not None)
            note = f"key {value:+.3f}, mean {mean:+.3f}"
            cells.append(Cell("covered", world, metric, held, n, coverage_needed(n), True, note))
    return cells


def pooled(cells: Sequence[Cell]) -> Cell:
    """Return the false alarms of all cells together, but for those that never alarm by chance or on one side only."""
    quiet = [c for c in cells if c.kind == "false alarms" and c.metric.partition(".")[0] not in POINTS]
    quiet = [cell for cell in quiet if cell.metric not in ONE_SIDED]
    draws, count = sum(cell.of for cell in quiet), sum(cell.count for cell in quiet)
    allowed = pooled_alarms_allowed(quiet[0].of, len(quiet)) if quiet else 0
    share = f"{count / draws:.1%} of {len(quiet)} cells" if quiet else ""
    return Cell("false alarms", "all", "pooled", count, draws, allowed, False, share)


def dose_cells(series: Mapping[str, Sequence[tuple[float, float]]]) -> list[Cell]:
    """Return the rank correlation of dose and estimate, over all draws."""
    from scipy.stats import spearmanr

    cells = []
    for name, points in series.items():
        if not points:
            continue
        doses, estimates = zip(*points, strict=True)
        rho = DOSES[name].sign * float(spearmanr(doses, estimates).statistic)
        cells.append(Cell("spearman", f"dose of {name}", DOSES[name].metric, round(rho, 4), len(points), 0.9, True))
    return cells


def tenth_cells(
    full: Sequence[Sequence[Finding]], clean: Sequence[Sequence[Finding]], faulty: Mapping[str, Sequence[list[Finding]]]
) -> list[Cell]:
    """Return how often a tenth of the data would pass what only all of it can prove.

    Of the clean world: a band around the truth, one and a half times as wide as the intervals of all the data, in which
    two of three full draws lie whole. Of faulty worlds: the bound of the gate that is broken there.
    """
    cells = []
    truth = truth_of("W0")
    for metric in GATE:
        whole = [f for findings in full for f in findings if f.metric == metric]
        tenth = [f for findings in clean for f in findings if f.metric == metric]
        widths = [f.high - f.low for f in whole if f.low is not None and f.high is not None]
        if not widths or metric not in truth:
            continue
        room = 0.75 * statistics.median(widths)
        band = Bounds(truth[metric] - room, truth[metric] + room)
        passed = sum(_passes(f, band) for f in tenth)
        at_full = sum(_passes(f, band) for f in whole)
        note = f"band ±{room:.3f}; all the data pass {at_full} of {len(whole)}"
        cells.append(Cell("passes at a tenth", "W0", metric, passed, len(tenth), 0, False, note))
    for metric, world in FAULTY.items():
        found = [f for findings in faulty.get(world, ()) for f in findings if f.metric == metric]
        if found:
            passed = sum(_passes(f, GATE[metric]) for f in found)
            note = "the bound of the gate, which is broken here"
            cells.append(Cell("passes at a tenth", world, metric, passed, len(found), 0, False, note))
    return cells


def _passes(finding: Finding, bounds: Bounds) -> bool:
    estimate = math.nan if finding.estimate is None else finding.estimate
    return finding.estimate is not None and judge(estimate, finding.low, finding.high, bounds) == "PASS"
