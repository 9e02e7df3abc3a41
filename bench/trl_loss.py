"""TRL's own RewardTrainer.compute_loss against `rmx.loss`, on the same rewards.

Run with the `bench` extra: python bench/trl_loss.py
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
import trl
from trl import RewardTrainer

from rmx.loss import bradley_terry

TOLERANCE = 1e-6


def trl_loss(chosen: torch.Tensor, rejected: torch.Tensor, margin: torch.Tensor | None, center: float) -> float:
    """Return what TRL computes for rewards of shape (pairs,)."""
    logits = torch.cat([chosen, rejected])[:, None]
    accelerator = SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x)
    trainer: Any = SimpleNamespace(
        model=SimpleNamespace(training=False),
        args=SimpleNamespace(center_rewards_coefficient=center or None),
        accelerator=accelerator,
        _total_train_tokens=0,
        _metrics={"eval": defaultdict(list)},
    )
    inputs: dict[str, Any] = {} if margin is None else {"margin": margin}
    return float(RewardTrainer.compute_loss(trainer, lambda **_: SimpleNamespace(logits=logits), inputs))


def main() -> None:
    """Compare on random rewards, with and without margins and centring; fail on a difference."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for scale in (0.1, 1.0, 10.0):
        for center in (0.0, 0.01, 1.0):
            for with_margin in (False, True):
                chosen, rejected, margins = torch.randn(3, 257, generator=generator) * scale
                margin = margins.abs() if with_margin else None
                theirs = trl_loss(chosen, rejected, margin, center)
                loss = bradley_terry(chosen, rejected, margin=0.0 if margin is None else margin, center=center)
                ours = float(loss.total.mean())
                worst = max(worst, abs(ours - theirs) / max(1.0, abs(theirs)))
    print(f"trl {trl.__version__}: 18 cases of 257 pairs, greatest relative difference {worst:.1e}")
    if worst > TOLERANCE:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
