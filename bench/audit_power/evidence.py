"""A draw of a latent world as the evidence that given audits read, and no more of it than they read."""

from __future__ import annotations

from collections.abc import Iterable

from rmx.audits import Evidence
from rmx.audits.base import Audit
from rmx.worlds.latent import (
    SAMPLES,
    LatentParams,
    LatentReward,
    latent_candidates,
    latent_ledger,
    latent_samples,
    latent_scores,
)

__all__ = ["evidence_of"]

ALSO = {"annotators": "validation", "calibration": "validation", "distribution_shift": "fresh_policy"}
"""Audits that read a slice beside heldout."""


def evidence_of(params: LatentParams, reward: LatentReward, audits: Iterable[Audit]) -> Evidence:
    """Draw the world; of a probe as many pairs are edited as the audit asks for most."""
    audits = list(audits)
    slices = {"heldout", *(slice for name, slice in ALSO.items() if any(audit.name == name for audit in audits))}
    wanted: dict[str, int] = {}
    for audit in audits:
        probe = "rescored" if audit.name == "determinism" else getattr(audit, "probe", None)
        if probe is not None:
            wanted[probe] = max(wanted.get(probe, 0), getattr(audit, "items", 0))
    candidates = {}
    if wanted:
        candidates["heldout"] = latent_candidates(params, reward, "heldout", wanted, items=max(wanted.values()))
    if params.samples and any(SAMPLES in audit.slices for audit in audits):
        candidates[SAMPLES] = latent_samples(params, reward)
    return Evidence(
        scores={slice: latent_scores(params, reward, slice) for slice in sorted(slices)},
        candidates=candidates,
        ledger=latent_ledger(params),
    )
