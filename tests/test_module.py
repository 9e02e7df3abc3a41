"""One optimiser step: the loss of a global batch does not depend on how it is cut, and a bad one leaves the weights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rmx.callbacks.metrics_file import read_metrics
from rmx.config.schema import BatchConfig, OptimConfig, TrainerConfig
from rmx.data.batch import SequenceBatch
from rmx.data.datamodule import PreferenceData
from rmx.data.plan import StepPlan
from rmx.data.sequences import PairSet, micro_batch
from rmx.errors import TrainingError
from rmx.loss import BradleyTerry, bradley_terry
from rmx.loss.davidson import Davidson
from rmx.model.head import ScalarHead
from rmx.model.reward_model import RewardModel
from rmx.module import RewardModule, learning_rate_factor
from rmx.run.trainer import build_trainer
from rmx.step_sums import StepSums

VOCABULARY = 97


class Store:
    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = self.completion_lengths = lengths

    def ids(self, i: int) -> np.ndarray:
        return (np.arange(self.lengths[i]) * 31 * (i + 1) % VOCABULARY).astype(np.int32)


def mean_of_embeddings(backbone: torch.nn.Module, batch: SequenceBatch) -> torch.Tensor:
    owner = torch.repeat_interleave(torch.arange(len(batch)), batch.lengths)
    return torch.zeros(len(batch), 4).index_add(0, owner, backbone(batch.ids)) / batch.lengths[:, None]


def small_model() -> RewardModel:
    """A reward model small enough to check by hand: the mean embedding of a sequence, times a vector."""
    torch.manual_seed(0)
    return RewardModel(torch.nn.Embedding(VOCABULARY, 4), ScalarHead(4, std=1.0, seed=0), mean_of_embeddings)


def pair_set(n: int = 30) -> PairSet:
    rng = np.random.default_rng(0)
    ids = tuple(f"pair-{i}" for i in range(n))
    return PairSet(
        store=Store(rng.integers(2, 20, 40)),
        pair_ids=ids,
        groups=ids,
        chosen=rng.integers(0, 20, n),
        rejected=rng.integers(20, 40, n),
        margin=rng.normal(size=n).astype(np.float32),
        flip=rng.uniform(0, 0.4, n).astype(np.float32),
        weight=rng.uniform(0.2, 2, n).astype(np.float32),
    )


def train(directory: Path, scorer: RewardModel, *, max_tokens: int, optim: OptimConfig, steps: int = 5) -> None:
    pairs = pair_set()
    batch = BatchConfig(pairs=12, max_tokens=max_tokens)
    plan = StepPlan(pairs.groups, batch, seed=0, fingerprint="", max_epochs=1, max_steps=steps)
    module = RewardModule(
        scorer,
        loss=BradleyTerry(center=0.1),
        optim=optim,
        total_steps=steps,
    )
    trainer = build_trainer(
        TrainerConfig(val_every=100, quiet=True),
        directory,
        total_steps=steps,
        steps_per_epoch=plan.steps_per_epoch,
        resume_step=0,
        first=[],
        loggers=[],
        validates=False,
    )
    trainer.fit(module, PreferenceData(pairs, plan, {}))


def test_losses_and_weights_do_not_depend_on_the_token_budget(tmp_path: Path) -> None:
    states, curves = [], []
    for budget in (1, 60, 100_000):
        scorer = small_model()
        directory = tmp_path / str(budget)
        directory.mkdir()
        train(directory, scorer, max_tokens=budget, optim=OptimConfig(lr=0.05))
        states.append(scorer.state_dict())
        curves.append(read_metrics(directory / "metrics.csv"))
    for state, curve in zip(states[1:], curves[1:], strict=True):
        for name, value in state.items():
            torch.testing.assert_close(value, states[0][name], atol=1e-5, rtol=1e-5)
        for mine, first in zip(curve, curves[0], strict=True):
            for name in ("train/loss", "train/loss_centering", "train/margin", "train/reward_min", "train/accuracy"):
                assert mine[name] == pytest.approx(first[name], abs=1e-6)


def test_the_first_step_is_plain_adamw_on_the_weighted_mean_of_the_global_batch(tmp_path: Path) -> None:
    scorer, reference = small_model(), small_model()
    optim = OptimConfig(lr=0.05, head_lr=0.5, warmup=0.0, schedule="constant", clip=0.05)
    train(tmp_path, scorer, max_tokens=60, optim=optim, steps=1)

    pairs = pair_set()
    members = next(StepPlan(pairs.groups, BatchConfig(pairs=12), 0, "", 1, 1).steps())[1]
    optimizer = torch.optim.AdamW(
        [{"params": reference.backbone.parameters(), "lr": 0.05}, {"params": reference.head.parameters(), "lr": 0.5}],
        weight_decay=0.0,
    )
    total = torch.zeros(())
    for i in members:
        rewards = []
        for side in (pairs.chosen[i], pairs.rejected[i]):
            rewards.append(
                reference.head(reference.backbone(torch.from_numpy(pairs.store.ids(side)).long()).mean(0)[None])
            )
        loss = bradley_terry(
            rewards[0], rewards[1], margin=float(pairs.margin[i]), flip=float(pairs.flip[i]), center=0.1
        )
        total = total + float(pairs.weight[i]) * loss.total.sum()
    (total / float(pairs.weight[members].sum())).backward()
    torch.nn.utils.clip_grad_norm_(reference.parameters(), 0.05)
    optimizer.step()
    for name, value in scorer.state_dict().items():
        torch.testing.assert_close(value, reference.state_dict()[name], atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_not_finite_names_its_pairs_and_leaves_the_weights(tmp_path: Path) -> None:
    scorer = small_model()
    with torch.no_grad():
        scorer.head.weight[0, 0] = math.nan
    before = scorer.backbone.weight.detach().clone()
    with pytest.raises(TrainingError, match=r"step 0: .*pair-\d+") as error:
        train(tmp_path, scorer, max_tokens=1000, optim=OptimConfig())
    assert "\n" not in str(error.value)
    assert torch.equal(scorer.backbone.weight, before)


def test_what_a_loss_trains_has_a_rate_of_its_own_without_decay_and_is_saved() -> None:
    optim = OptimConfig(lr=0.05, weight_decay=0.1, loss_lr=0.02)
    module, other = (
        RewardModule(small_model(), loss=Davidson(share), optim=optim, total_steps=1) for share in (0.3, 0.5)
    )
    groups = module.configure_optimizers().param_groups
    assert [(g["lr"], g["weight_decay"]) for g in groups] == [(0.05, 0.1), (0.05, 0.1), (0.02, 0.0)]
    assert groups[-1]["params"] == [module.loss.log_nu]
    assert not torch.equal(module.loss.log_nu, other.loss.log_nu)
    other.load_state_dict(module.state_dict())
    assert torch.equal(module.loss.log_nu, other.loss.log_nu)
    plain = RewardModule(small_model(), loss=BradleyTerry(), optim=optim, total_steps=1)
    assert len(plain.configure_optimizers().param_groups) == 2
    assert not any(name.startswith("loss.") for name in plain.state_dict())


def test_a_tie_counts_as_a_pair_but_has_no_margin_to_be_right() -> None:
    apart = replace(pair_set(3), chosen=np.arange(3), rejected=np.arange(20, 23), grade=np.array([1, 0, 1]))
    micro = micro_batch(apart, np.arange(3))
    rewards = torch.zeros(len(micro.sequences))
    rewards[micro.chosen[0]], rewards[micro.chosen[1]] = 1.0, 100.0
    terms, weight = Davidson(0.3)(rewards, micro)
    sums = StepSums.of(micro, rewards, terms, weight)
    assert (sums.pairs, sums.decided, sums.correct, sums.margin) == (3, 2, 1.5, 1.0)
    ties = micro_batch(replace(pair_set(2), grade=np.zeros(2, np.int64)), np.arange(2))
    alone = StepSums.of(ties, rewards, *Davidson(0.3)(rewards, ties)) + StepSums(steps=1)
    assert math.isnan(alone.metrics()["train/accuracy"])


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 0, 0.5),
        ("constant", 1, 1.0),
        ("constant", 19, 1.0),
        ("linear", 2, 1.0),
        ("linear", 11, 0.5),
        ("cosine", 2, 1.0),
        ("cosine", 11, 0.5),
        ("cosine", 19, 0.5 * (1 + math.cos(math.pi * 17 / 18))),
    ],
)
def test_schedule(schedule: str, step: int, expected: float) -> None:
    assert learning_rate_factor(step, 20, OptimConfig(schedule=schedule, warmup=0.1)) == pytest.approx(expected)
