"""What the loss needs of each pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests.stores import store_of

from rmx.config.schema import LossConfig
from rmx.data.sequences import PairSet, build_pair_set
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError


def pair_set(loss: LossConfig, groups: str, weights: Sequence[float], **changes: object) -> PairSet:
    prompt = (Message("user", "?"),)
    pairs = [
        PreferencePair(f"p{i}", prompt, "a", "b", Origin("f.jsonl", i + 1), group=g, weight=w, **changes)
        for i, (g, w) in enumerate(zip(groups, weights, strict=True))
    ]
    numbers = np.zeros(len(pairs), np.int64)
    return build_pair_set(pairs, store_of([[1]]), numbers, numbers, loss, soft_labels=True)


def test_every_pair_or_every_group_weighs_the_same() -> None:
    weights = [1.0, 3.0, 1.0, 2.0]
    assert pair_set(LossConfig(), "aabc", weights).weight.tolist() == weights
    assert pair_set(LossConfig(per="group"), "aabc", weights).weight.tolist() == [0.25, 0.75, 1.0, 1.0]


def test_a_soft_label_is_the_share_of_other_votes() -> None:
    assert pair_set(LossConfig(label_smoothing=0.1), "a", [1.0]).flip.tolist() == pytest.approx([0.1])
    assert pair_set(LossConfig(), "a", [1.0], agreement=0.75).flip.tolist() == pytest.approx([0.25])


def test_the_target_margin_is_a_number_or_the_strength() -> None:
    assert pair_set(LossConfig(margin=0.5), "ab", [1, 1]).margin.tolist() == [0.5, 0.5]
    assert pair_set(LossConfig(margin="gap"), "a", [1], strength=2.0).margin.tolist() == [2.0]
    with pytest.raises(DataError, match=r"f.jsonl row 1: no strength in column 'gap'"):
        pair_set(LossConfig(margin="gap"), "a", [1])
