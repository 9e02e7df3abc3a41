"""Audits at every validation: rewards become a score table, the audits read it, their estimates become curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.runner import run_audits
from rmx.callbacks.gather import GatherRewards
from rmx.callbacks.metrics_file import MetricsFile
from rmx.domain import AuditResult
from rmx.score_table import Comparisons, join_scores
from rmx.scorers.slice_parts import Part, with_parts
from rmx.scorers.slice_texts import SliceTexts

__all__ = ["ValidationAudits", "curve_names", "interval_names"]


def curve_names(results: Sequence[AuditResult]) -> dict[str, float]:
    """Return the estimates under the names of loggers: `val/<slice>/accuracy`, `audit/<name>/<slice>[/<metric>]`.

    The metric is part of the name where an audit has several. Results of other scorers, and those without an estimate,
    have no curve.
    """
    curves: dict[str, float] = {}
    for name, r in _named(results):
        if r.audit == "accuracy" and r.metric == "accuracy":
            curves[f"val/{r.slice}/accuracy"] = float(r.estimate or 0.0)
        curves[name] = float(r.estimate or 0.0)
    return curves


def interval_names(results: Sequence[AuditResult]) -> dict[str, float]:
    """Return the ends of the intervals as `…/low` and `…/high` behind the name of the curve, where there are any."""
    ends: dict[str, float] = {}
    for name, r in _named(results):
        if r.ci_low is not None and r.ci_high is not None:
            ends |= {f"{name}/low": float(r.ci_low), f"{name}/high": float(r.ci_high)}
    return ends


def _named(results: Sequence[AuditResult]) -> Iterator[tuple[str, AuditResult]]:
    known = [r for r in results if r.scorer == "model" and r.estimate is not None]
    metrics = Counter((r.audit, r.slice) for r in known)
    for r in known:
        name = f"audit/{r.audit}/{r.slice}"
        yield f"{name}/{r.metric}" if metrics[r.audit, r.slice] > 1 else name, r


class ValidationAudits(pl.Callback):
    """Judges each validation on rank 0 and tells every rank, before a checkpoint rule reads the metrics."""

    def __init__(
        self,
        gather: GatherRewards,
        texts: Mapping[str, SliceTexts],
        comparisons: Mapping[str, Comparisons],
        audits: Sequence[Audit],
        parts: Mapping[str, Part] | None = None,
    ) -> None:
        """Read `gather`'s rewards of the slices of `texts`; those of `parts` are looked up in the slice they are of."""
        self.gather = gather
        self.parts = dict(parts or {})
        self.texts = texts
        self.comparisons = comparisons
        self.audits = audits

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Run the audits and log their estimates under the optimiser step reached."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        results = self._results() if trainer.is_global_zero else []
        curves = trainer.strategy.broadcast(curve_names(results))
        for name, value in curves.items():
            # Loggers get them below: Lightning would file them under the step before.
            pl_module.log(name, value, logger=False)
        for logger in trainer.loggers:
            # The report draws intervals from the file; as curves of their own elsewhere they would drown the others.
            ends = interval_names(results) if isinstance(logger, MetricsFile) else {}
            logger.log_metrics(curves | ends, step=trainer.global_step)

    def _results(self) -> list[AuditResult]:
        rewards = with_parts(self.gather.rewards, self.parts)
        candidates = {n: t.scored("model", rewards[n]) for n, t in self.texts.items()}
        scores = {n: join_scores(table, self.comparisons[n]) for n, table in candidates.items()}
        return run_audits(self.audits, Evidence(scores=scores, candidates=candidates))
