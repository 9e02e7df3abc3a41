"""Losses through the main job: thresholds found in worlds that follow their laws, on any hardware."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from tests.loss.laws import micro_of

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.callbacks.metrics_file import read_metrics
from rmx.config.load import compose_config
from rmx.data.render import Renderer
from rmx.domain import Message
from rmx.loss import Loss
from rmx.loss.cumulative import CumulativeLoss
from rmx.loss.davidson import Davidson
from rmx.loss.ordered_probit import NORMAL, SCALE
from rmx.loss.rao_kupper import RaoKupper
from rmx.model.build import build_model
from rmx.model.scoring import map_sequences
from rmx.run.trainer import LAST

# Seconds each on a machine of one's own; many times that where cores are shared.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MODEL = ["model=tiny-random", "model.head_init=normal"]
FROZEN = [*MODEL, "model.trunk=frozen", "adapter=none"]
LABELLED = [
    "data=auto_j",
    "data.columns={first: a, second: b, strength: grade, tags: []}",
    "data.labels={first: [1], second: [2], tie: [0]}",
]
RANKED = ["data=rankings", "data.columns={ranks: ranks}"]
WORDS = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "juniper", "kelp", "larch",
    "maple", "nettle", "otter", "pine", "quartz", "reed", "sable", "thistle", "umber", "violet", "willow", "yarrow",
    "zephyr",
]  # fmt: skip


class World(NamedTuple):
    """Texts whose true reward is linear in the features of the frozen model that will be trained on them."""

    prompts: list[str]
    texts: list[list[str]]
    """Completions of each prompt."""
    rewards: NDArray[np.float64]
    """(prompts, k)"""
    features: NDArray[np.float64]
    """(prompts, k, hidden)"""


def make_world(tmp: Path, cache: Path, prompts: int, k: int) -> World:
    rng = np.random.default_rng(7)
    asked = [f"Question {i}: {' '.join(rng.choice(WORDS, 3))}?" for i in range(prompts)]
    texts = [[" ".join(rng.choice(WORDS, rng.integers(3, 9))) for _ in range(k)] for _ in range(prompts)]
    config = compose_config("train", [*FROZEN, "data=jsonl", "data.path=x.jsonl"], run=tmp)
    built = build_model(config.method, config.model, config.adapter, layout="packed", seed=config.seed, cache=cache)
    store = Renderer(built.tokenizer).encode(
        [((Message("user", q),), text) for q, own in zip(asked, texts, strict=True) for text in own]
    )
    built.reward_model.eval()
    features = map_sequences(built.reward_model.pooled, store, config.batch, device=torch.device("cpu"))
    features = features.astype(np.float64).reshape(prompts, k, -1)
    rewards = features @ rng.normal(size=features.shape[-1])
    rewards -= rewards.mean(1, keepdims=True)
    return World(asked, texts, rewards * 1.5 / rewards.std(), features)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def graded_rows(world: World, cases: NDArray[np.int64], grades: int) -> list[dict[str, Any]]:
    """Return rows whose case is 0 of a tie, 1 to `grades` of the first side, then of the second."""
    return [
        {
            "prompt": q, "a": a, "b": b, "label": 0 if c == 0 else 1 + (c > grades),
            "grade": int(c - grades if c > grades else c),
        }
        for q, (a, b), c in zip(world.prompts, world.texts, cases.tolist(), strict=True)
    ]  # fmt: skip


def draw(law: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Draw a case of each column of (cases, n) probabilities."""
    np.testing.assert_allclose(law.sum(0), 1.0, atol=1e-9)
    return (np.random.default_rng(seed).random(law.shape[1]) < law.cumsum(0)).argmax(0)


def command(directory: Path, *overrides: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "rmx.train",
        "slice=[]",
        "trainer.threads=1",
        *overrides,
        f"hydra.run.dir={directory}",
    ]


def run(directory: Path, *overrides: str) -> Path:
    done = subprocess.run(command(directory, *overrides), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


def trained_loss(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "model" / "rmx.json").read_text())["loss"]
    return found


LONG = [
    "data.near_duplicates=false", "data.split.validation=0.02", "data.split.heldout=0.02",
    "batch.pairs=512", "batch.max_tokens=200000", "optim.lr=0.05", "optim.clip=null",
    "trainer.max_steps=160", "trainer.val_every=160", "loss.center=0.0", "recipe=none", "audit=fast",
]  # fmt: skip
"""To the maximum of the likelihood, nearly."""
WITH_TIES = [*FROZEN, *LONG, *LABELLED, "optim.loss_lr=0.03", "data.ties=keep"]


def standard_error(loss: Loss, world: World, micro: Any, index: int) -> float:
    """Return that of one of the loss's own parameters at the truth, the head's weights being estimated too."""
    own = [p.detach().double() for p in loss.parameters()]
    features = torch.from_numpy(world.features.reshape(-1, world.features.shape[-1]))
    # Directions in which the features do not vary within a prompt cannot be learnt, nor matter.
    spread = torch.from_numpy((world.features - world.features.mean(1, keepdims=True)).reshape(features.shape))
    _, values, basis = torch.linalg.svd(spread, full_matrices=False)
    basis = basis[values > 1e-6 * values[0]]
    features = spread @ basis.T
    start = torch.linalg.lstsq(features, torch.from_numpy(world.rewards).reshape(-1, 1)).solution[:, 0]
    names = [name for name, _ in loss.named_parameters()]

    def total(free: torch.Tensor) -> torch.Tensor:
        parts = free[len(start) :].split([p.numel() for p in own])
        given = {n: part.reshape(p.shape) for n, part, p in zip(names, parts, own, strict=True)}
        terms, weight = torch.func.functional_call(loss, given, (features @ free[: len(start)], micro))
        return (weight * terms.total).sum()

    free = torch.cat([start, *(p.reshape(-1) for p in own)])
    covariance = torch.linalg.inv(torch.autograd.functional.hessian(total, free))
    return float(covariance[len(start) + index, len(start) + index].sqrt())


@pytest.fixture(scope="module")
def pairs_world(tmp_path_factory: pytest.TempPathFactory, weights_cache: Path) -> World:
    return make_world(tmp_path_factory.mktemp("world"), weights_cache, 4000, 2)


def sides(world: World, cases: NDArray[np.int64], grades: int) -> Any:
    first = np.arange(len(cases)) * 2
    swap = cases > grades
    grade = np.where(swap, cases - grades, cases)
    return micro_of(np.where(swap, first + 1, first), np.where(swap, first, first + 1), grade)


def test_davidson_finds_nu(pairs_world: World, tmp_path: Path) -> None:
    nu, half = 0.8, (pairs_world.rewards[:, 0] - pairs_world.rewards[:, 1]) / 2
    parts = np.stack([np.full_like(half, nu), np.exp(half), np.exp(-half)])
    cases = draw(parts / parts.sum(0), 1)
    data = write(tmp_path / "rows.jsonl", graded_rows(pairs_world, cases, 1))
    done = run(tmp_path / "run", *WITH_TIES, f"data.path={data}", "loss=davidson")
    loss = Davidson(nu / (2 + nu))
    error = standard_error(loss, pairs_world, sides(pairs_world, cases, 1), 0)
    found = trained_loss(done)
    assert found["kind"] == "davidson"
    assert abs(np.log(found["nu"] / nu)) < 4 * error
    curve = [row["train/nu"] for row in read_metrics(done / "metrics.csv") if "train/nu" in row]
    assert curve[-1] == pytest.approx(found["nu"], rel=0.05)


def test_rao_kupper_finds_theta(pairs_world: World, tmp_path: Path) -> None:
    theta, d = 2.0, pairs_world.rewards[:, 0] - pairs_world.rewards[:, 1]
    won, lost = 1 / (1 + theta * np.exp(-d)), 1 / (1 + theta * np.exp(d))
    cases = draw(np.stack([1 - won - lost, won, lost]), 2)
    data = write(tmp_path / "rows.jsonl", graded_rows(pairs_world, cases, 1))
    done = run(tmp_path / "run", *WITH_TIES, f"data.path={data}", "loss=rao_kupper")
    loss = RaoKupper((theta - 1) / (theta + 1))
    error = standard_error(loss, pairs_world, sides(pairs_world, cases, 1), 0)
    found = trained_loss(done)
    assert abs(np.log(np.log(found["theta"]) / np.log(theta))) < 4 * error


def test_ordered_probit_finds_its_thresholds(pairs_world: World, tmp_path: Path) -> None:
    cuts, d = (0.6, 1.5, 3.0), pairs_world.rewards[:, 0] - pairs_world.rewards[:, 1]

    def cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return norm.cdf(x / SCALE)

    law = [cdf(d + cuts[0]) - cdf(d - cuts[0])]
    for side in (d, -d):
        below = [*(cdf(side - cut) for cut in cuts), np.zeros_like(d)]
        law += [a - b for a, b in itertools.pairwise(below)]
    cases = draw(np.stack(law), 3)
    data = write(tmp_path / "rows.jsonl", graded_rows(pairs_world, cases, 3))
    done = run(tmp_path / "run", *WITH_TIES, f"data.path={data}", "loss=ordered_probit")
    loss = CumulativeLoss(NORMAL, [0.2, 0.3, 0.3, 0.2])
    steps = np.diff(cuts, prepend=0.0)
    with torch.no_grad():
        loss.log_steps.copy_(torch.from_numpy(np.log(steps)))
    found = trained_loss(done)
    assert found["levels"] == [1.0, 2.0, 3.0]
    for i, step in enumerate(np.diff(found["cuts"], prepend=0.0)):
        error = standard_error(loss, pairs_world, sides(pairs_world, cases, 3), i)
        assert abs(np.log(step / steps[i])) < 4 * error


def test_plackett_luce_finds_the_scale_of_its_utilities(tmp_path: Path, weights_cache: Path) -> None:
    world = make_world(tmp_path, weights_cache, 1000, 4)
    noisy = world.rewards + np.random.default_rng(4).gumbel(size=world.rewards.shape)
    ranks = (-noisy).argsort(1).argsort(1) + 1
    rows = [
        {"prompt": q, "completions": own, "ranks": r}
        for q, own, r in zip(world.prompts, world.texts, ranks.tolist(), strict=True)
    ]
    data = write(tmp_path / "rows.jsonl", rows)
    done = run(
        tmp_path / "run", *FROZEN, *LONG, *RANKED, f"data.path={data}", "loss=plackett_luce",
        "batch.pairs=1200", "trainer.max_steps=320", "trainer.val_every=320",
    )  # fmt: skip
    assert trained_loss(done) == {"kind": "plackett_luce"}
    weights = SafeCheckpointIO().load_checkpoint(done / "checkpoints" / LAST)["state_dict"]
    head = next(v for name, v in weights.items() if name.endswith("head.weight"))
    estimate = world.features @ head.double().numpy()[0]
    estimate -= estimate.mean(1, keepdims=True)
    slope = float((estimate * world.rewards).sum() / (world.rewards**2).sum())
    # The maximum itself is at .97 to .99 here, and the directions of little variance are slow to get there.
    assert 0.85 < slope < 1.15
    assert np.corrcoef(estimate.ravel(), world.rewards.ravel())[0, 1] > 0.95


SHORT = [
    *MODEL, "data.near_duplicates=false", "batch.pairs=16", "optim.lr=1e-3", "loss.center=0.01",
    "trainer.max_steps=12", "trainer.val_every=6", "trainer.save_every=1", "recipe=none", "audit=fast",
    "data.split.validation=0.1", "data.split.heldout=0.1",
]  # fmt: skip


def curve(directory: Path, name: str = "train/loss") -> list[float]:
    return [row[name] for row in read_metrics(directory / "metrics.csv") if name in row]


@pytest.fixture(scope="module", params=["ordered_probit", "plackett_luce"])
def short(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run of a dozen steps, and its command."""
    tmp = tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(5)
    prompts = [f"Question {i}: {' '.join(rng.choice(WORDS, 3))}?" for i in range(160)]
    if request.param == "plackett_luce":
        rows = [
            {
                "prompt": q,
                "completions": [" ".join(rng.choice(WORDS, rng.integers(3, 30))) for _ in range(4)],
                "ranks": rng.integers(1, 4, 4).tolist(),
            }
            for q in prompts
        ]
        job = [*RANKED, "loss=plackett_luce"]
    else:
        texts = [[" ".join(rng.choice(WORDS, rng.integers(3, 30))) for _ in range(2)] for _ in prompts]
        empty = np.zeros((len(prompts), 2))
        rows = graded_rows(World(prompts, texts, empty, empty), rng.integers(0, 7, len(prompts)), 3)
        job = [*LABELLED, "loss=ordered_probit", "data.ties=keep"]
    job = [*SHORT, f"data.path={write(tmp / 'rows.jsonl', rows)}", *job]
    return run(tmp / "run", *job), job


@pytest.mark.parametrize(
    "hardware",
    [("batch.max_tokens=150", "batch.layout=padded"), ("trainer=ddp_cpu", "trainer.devices=2")],
    ids=["budget and layout", "two processes"],
)
def test_hardware_leaves_the_losses_and_thresholds(
    short: tuple[Path, list[str]], tmp_path: Path, hardware: tuple[str, ...]
) -> None:
    whole, job = short
    other = run(tmp_path / "run", *job, *hardware)
    assert len(curve(whole)) == 12
    assert curve(other) == pytest.approx(curve(whole), abs=2e-6)
    for name in ("train/cuts_0", "train/cuts_1", "train/accuracy"):
        assert curve(other, name) == pytest.approx(curve(whole, name), abs=1e-5)


def test_a_checkpoint_of_another_loss_is_refused(short: tuple[Path, list[str]]) -> None:
    whole, job = short
    changed = [o for o in job if not o.startswith(("loss=", "data.ties"))]
    done = subprocess.run(
        command(whole, *changed, "trainer.resume=auto"), capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 1
    assert "belongs to a run with loss.kind='" in done.stderr
    assert done.stderr.count("\n") == 1
