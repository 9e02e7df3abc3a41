"""The words and the numbers that single keys may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rmx.config.losses import LOSS_TRAITS

__all__ = ["BASELINES", "CHOICES", "LAYOUTS", "NEEDS", "RANGES", "Range"]

LAYOUTS = ("packed", "padded")
"""Layouts that the model can run."""

BASELINES = ("longer", "shorter", "bag_of_words")
"""Kinds of the `scorer` node that a judged scorer must beat, and that are never judged themselves."""

NEEDS = ("online", "rerank", "inspect", "one_stage")
"""What may be asked of a reward or a policy in `decide.needs`."""

CHOICES: Mapping[str, tuple[str | None, ...]] = {
    "method.kind": ("rm", "dpo"),
    "data.split.mode": ("grouped", "row_random"),
    "data.split.half": (None, "first", "second"),
    "data.label_source": ("human", "model", "gold", "unknown"),
    "data.annotators": ("unanimous", "majority", "soft_label", "weight", "hold_out"),
    "data.ties": ("reject", "keep"),
    "model.init": ("pretrained", "random"),
    "model.dtype": ("float32", "bfloat16"),
    "model.attention": ("sdpa", "eager", "flash_attention_2"),
    "model.trunk": ("trained", "frozen"),
    "model.head_init": ("normal", "probe"),
    "adapter.kind": ("lora", "rslora", "dora", "qlora", "peft", "none"),
    "loss.kind": tuple(LOSS_TRAITS),
    "loss.per": ("pair", "group"),
    "optim.schedule": ("cosine", "linear", "constant"),
    "batch.layout": LAYOUTS,
    "sample.engine": ("transformers", "vllm"),
    "sample.split": ("heldout", "validation", "train"),
    "trainer.accelerator": ("cpu", "gpu"),
    "trainer.strategy": ("auto", "ddp", "fsdp"),
    "trainer.precision": ("32-true", "bf16-mixed"),
    "trainer.mode": ("min", "max"),
    "trainer.resume": (None, "auto"),
    "logger.kind": ("csv", "wandb"),
    "logger.mode": (None, "online", "offline", "disabled"),
}
"""Keys that take one of a few words."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; an open end excludes its bound."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def __str__(self) -> str:
        parts = []
        if self.low > -math.inf:
            parts.append(f"{'above' if self.low_open else 'at least'} {_number(self.low)}")
        if self.high < math.inf:
            parts.append(f"{'below' if self.high_open else 'at most'} {_number(self.high)}")
        return " and ".join(parts)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


_COUNT = Range(1)
_SHARE = Range(0, 1, high_open=True)
_POSITIVE = Range(0, low_open=True)
_NOT_NEGATIVE = Range(0)

RANGES: Mapping[str, Range] = {
    "seed": Range(0, 2**32 - 1),
    "method.beta": _POSITIVE,
    "data.limit": _COUNT,
    "data.max_length": Range(2),
    "data.max_defects": Range(0, 1),
    "data.near_duplicate_jaccard": Range(0, 1, low_open=True),
    "data.split.validation": _SHARE,
    "data.split.heldout": _SHARE,
    "data.split.folds": Range(2),
    "data.split.fold": _NOT_NEGATIVE,
    "model.layers": _COUNT,
    "model.head_init_std": _NOT_NEGATIVE,
    "adapter.r": _COUNT,
    "adapter.alpha": _POSITIVE,
    "adapter.dropout": _SHARE,
    "loss.center": _NOT_NEGATIVE,
    "loss.label_smoothing": Range(0, 0.5, high_open=True),
    "decide.material": Range(0, 1, low_open=True, high_open=True),
    "decide.memory_gib": _POSITIVE,
    "optim.lr": _POSITIVE,
    "optim.head_lr": _POSITIVE,
    "optim.loss_lr": _POSITIVE,
    "optim.weight_decay": _NOT_NEGATIVE,
    "optim.beta1": _SHARE,
    "optim.beta2": _SHARE,
    "optim.eps": _POSITIVE,
    "optim.warmup": Range(0, 1),
    "optim.clip": _POSITIVE,
    "batch.pairs": _COUNT,
    "batch.max_tokens": _COUNT,
    "sample.n": _COUNT,
    "sample.temperature": _POSITIVE,
    "sample.top_p": Range(0, 1, low_open=True),
    "sample.max_new_tokens": _COUNT,
    "sample.batch": _COUNT,
    "rerank.n": _COUNT,
    "trainer.devices": _COUNT,
    "trainer.num_nodes": _COUNT,
    "trainer.max_epochs": _COUNT,
    "trainer.max_steps": _COUNT,
    "trainer.val_every": _COUNT,
    "trainer.save_every": _COUNT,
    "trainer.log_every": _COUNT,
    "trainer.patience": _COUNT,
    "trainer.threads": _COUNT,
}
"""Ranges of numbers; null, where the schema allows it, is always in range."""
