"""Audits at every validation: rewards become a score table, the audits read it, their estimates become curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.runner import run_audits
from rmx.callbacks.gather import GatherRewards
from rmx.domain import AuditResult
from rmx.score_table import Comparisons, join_scores
from rmx.scorers.slice_texts import SliceTexts

__all__ = ["ValidationAudits", "curve_names"]


def curve_names(results: Sequence[AuditResult]) -> dict[str, float]:
    """Return the estimates under the names of loggers: `val/<slice>/accuracy`, `audit/<name>/<slice>[/<metric>]`.

    The metric is part of the name where an audit has several. Results of other scorers, and those without an estimate,
    have no curve.
    """
    known = [r for r in results if r.scorer == "model" and r.estimate is not None]
    metrics: dict[tuple[str, str], int] = {}
    for r in known:
        metrics[r.audit, r.slice] = metrics.get((r.audit, r.slice), 0) + 1
    curves: dict[str, float] = {}
    for r in known:
        estimate = float(r.estimate or 0.0)
        if r.audit == "accuracy" and r.metric == "accuracy":
            curves[f"val/{r.slice}/accuracy"] = estimate
        name = f"audit/{r.audit}/{r.slice}"
        curves[f"{name}/{r.metric}" if metrics[r.audit, r.slice] > 1 else name] = estimate
    return curves


class ValidationAudits(pl.Callback):
    """Judges each validation on rank 0 and tells every rank, before a checkpoint rule reads the metrics."""

    def __init__(
        self,
        gather: GatherRewards,
        texts: Mapping[str, SliceTexts],
        comparisons: Mapping[str, Comparisons],
        audits: Sequence[Audit],
    ) -> None:
        """Read `gather`'s rewards of the slices of `texts`."""
        self.gather = gather
        self.texts = texts
        self.comparisons = comparisons
        self.audits = audits

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Run the audits and log their estimates under the optimiser step reached."""
        if trainer.state.fn != TrainerFn.FITTING:
            return
        curves = self._curves() if trainer.is_global_zero else {}
        curves = trainer.strategy.broadcast(curves)
        for name, value in curves.items():
            # Loggers get them below: Lightning would file them under the step before.
            pl_module.log(name, value, logger=False)
        for logger in trainer.loggers:
            logger.log_metrics(curves, step=trainer.global_step)

    def _curves(self) -> dict[str, float]:
        candidates = {n: t.scored("model", self.gather.rewards[n]) for n, t in self.texts.items()}
        scores = {n: join_scores(table, self.comparisons[n]) for n, table in candidates.items()}
        return curve_names(run_audits(self.audits, Evidence(scores=scores, candidates=candidates)))
