"""A head to start from: a linear probe of the untrained backbone, fitted to the train pairs before the first step.

A random head asks the backbone for nothing in particular: where a label depends on prompt and answer together, its
first gradients are noise, and training can rest on a plateau for epochs, or leave it, by the luck of the order. A
fitted head points at what the backbone already knows (linear probing, then fine-tuning: Kumar et al. 2022,
arXiv:2202.10054).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from rmx.config.schema import BatchConfig
from rmx.data.sequences import PairSet
from rmx.model.reward_model import RewardModel
from rmx.model.scoring import map_sequences

__all__ = ["PENALTY", "fit_head", "probe_weights"]

PENALTY = 0.1
"""Ridge penalty of the weights, each dimension of the features having unit variance."""


def fit_head(model: RewardModel, pairs: PairSet, batch: BatchConfig, *, autocast: torch.dtype | None = None) -> None:
    """Set the head to the probe of the train pairs; the backbone stays as it is.

    Args:
        model: On its device.
        pairs: What will be trained on.
        batch: Tokens of a batch.
        autocast: Dtype in which the backbone runs; None for that of its weights.
    """
    sides, place = np.unique(np.concatenate([pairs.chosen, pairs.rejected]), return_inverse=True)
    was_training = model.training
    model.eval()
    with torch.autocast(model.device.type, autocast, enabled=autocast is not None):
        features = map_sequences(model.pooled, pairs.store.select(sides), batch, device=model.device)[place]
    model.train(was_training)
    weights = probe_weights(
        features[: len(pairs)], features[len(pairs) :], margin=pairs.margin, flip=pairs.flip, weight=pairs.weight
    )
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weights)[None])


def probe_weights(
    chosen: NDArray[np.float32],
    rejected: NDArray[np.float32],
    *,
    margin: NDArray[np.float32],
    flip: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the weights (hidden,) that minimise the mean Bradley-Terry loss of the pairs plus a ridge penalty.

    Args:
        chosen: Features (n, hidden) of the chosen completions.
        rejected: Those of the rejected ones.
        margin: Target margins (n,).
        flip: Probability (n,) that a label is the other way round.
        weight: Pair weights (n,).
    """
    spread = np.concatenate([chosen, rejected]).std(0, dtype=np.float64)
    # A dimension that never varies says nothing; dividing by its rounding errors would make it shout.
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-6 * spread.max(initial=0.0))
    differences = (chosen.astype(np.float64) - rejected) * scale
    shares = weight / weight.sum()

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = differences @ w - margin
        value = shares @ ((1 - flip) * np.logaddexp(0, -z) + flip * np.logaddexp(0, z))
        slope = differences.T @ (shares * (expit(z) - (1 - flip)))
        return float(value + PENALTY / 2 * w @ w), slope + PENALTY * w

    start = np.zeros(differences.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x * scale, np.float32)
