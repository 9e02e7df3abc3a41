"""A cross-fit from pairs to a verdict on the recipe, against the same arithmetic by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.integration.test_finished_run import call
from torch.nn.functional import logsigmoid

from rmx.config.load import compose_config
from rmx.config.schema import AdapterConfig, ModelConfig
from rmx.data.prepare import prepare
from rmx.data.render import Renderer
from rmx.data.tokens import encode_pairs
from rmx.errors import RunError
from rmx.model import build_reward_model
from rmx.model.scoring import map_sequences
from rmx.record import RunRecord
from rmx.run import cross_fitting
from rmx.run.cross_fitting import cross_fit
from rmx.run.directory import RunDirectory
from rmx.score_table import FOLD_TAG, read_scores

pytestmark = pytest.mark.timeout(1200)  # four trainings stand behind the first test

FOLDS, STEPS, RATE = 3, 5, 0.05
JOB = [
    "model=tiny-random",
    "model.trunk=frozen",
    "adapter=none",
    "data=synthetic",
    "data.world.pairs=90",
    "recipe=none",
    "slice=[fresh_policy,samples]",
    "slice.fresh_policy.data.world.pairs=40",
    "slice.samples.prompts=12",
    "slice.samples.per_prompt=4",
    "batch.pairs=1000",
    f"optim.lr={RATE}",
    "optim.schedule=constant",
    "optim.warmup=0",
    "optim.clip=null",
    f"trainer.max_steps={STEPS}",
    "trainer.threads=1",
    f"data.split.folds={FOLDS}",
    "data.split.validation=0",
]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("crossed") / "run"
    return directory, call("train", *JOB, "data.split.final=true", f"hydra.run.dir={directory}", timeout=1000).stdout


def json_of(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.slow
def test_out_of_fold_rewards_are_those_of_each_folds_arithmetic_by_hand(
    crossed: tuple[Path, str], model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    directory, _ = crossed
    config = compose_config("train", JOB, run=directory)
    whole = prepare(config.data)
    model = model_named("tiny-random", trunk="frozen")
    built = build_reward_model(model, AdapterConfig(kind="none"), layout="packed", seed=0, cache=weights_cache)
    start = built.reward_model.head.weight.detach().clone()
    renderer = Renderer(built.tokenizer)
    pairs = [p for name, of_fold in whole.splits.items() if name != "disputed" for p in of_fold]
    folds = np.concatenate([[k] * len(whole.splits[f"fold_{k}"]) for k in range(FOLDS)])
    encoded = encode_pairs(renderer, pairs, max_length=config.data.max_length, cache_dir=None)
    assert not encoded.rejections
    features = torch.tensor(map_sequences(built.reward_model.pooled, encoded.store, config.batch, device="cpu"))
    chosen, rejected = features[encoded.chosen], features[encoded.rejected]
    expected = {}
    for fold in range(FOLDS):
        seen, unseen = torch.tensor(folds != fold), np.flatnonzero(folds == fold)
        weight = start.clone().requires_grad_(True)
        optimiser = torch.optim.AdamW([weight], lr=RATE, weight_decay=0.0)
        for _ in range(STEPS):
            optimiser.zero_grad()
            (-logsigmoid((chosen - rejected)[seen] @ weight.T)).mean().backward()
            optimiser.step()
        for i in unseen:
            expected[pairs[i].pair_id] = [float(side[i] @ weight.detach().T) for side in (chosen, rejected)]
    view = read_scores(directory / "scores" / "heldout.parquet").view("model")
    assert sorted(view.pair_ids) == sorted(expected)
    for i, tags in zip(view.pair_ids, view.tags(), strict=True):
        assert tags[FOLD_TAG] == str(folds[[p.pair_id for p in pairs].index(i)])
    found = np.column_stack([view.chosen, view.rejected])
    np.testing.assert_allclose(found, [expected[i] for i in view.pair_ids], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_what_it_says_concerns_the_recipe(crossed: tuple[Path, str]) -> None:
    directory, told = crossed
    gate, ledger = json_of(directory / "gate.json"), json_of(directory / "data" / "ledger.json")
    assert gate["folds"] == FOLDS
    assert "The verdict concerns the recipe, not one model: each pair was judged by one of 3 models" in told
    assert "in 3 folds, on " in told
    assert "The verdict concerns the recipe, not one model" in (directory / "report.html").read_text()
    # Every pair judges, and the ledger proves fold by fold that none was trained on.
    heldout = read_scores(directory / "scores" / "heldout.parquet")
    assert len(heldout.view("model")) == ledger["kept"] == 90
    assert heldout.scorers == ("bag_of_words", "longer", "model", "shorter")
    assert [f"fold_{k}" for k in range(FOLDS)] == [n for n in ledger["overlap"]["by_split"] if n.startswith("fold_")]
    assert ledger["overlap"]["pairs"] == 0
    assert ledger["folds"]["fold_1"]["train"] == 90 - ledger["folds"]["fold_1"]["heldout"]
    assert ledger["contamination"]["by_slice"]["heldout"]["items"] == 90
    # A slice from elsewhere is shared out among the folds, whole.
    fresh = read_scores(directory / "scores" / "fresh_policy.parquet").view("model")
    assert len(fresh) == 40
    assert {t[FOLD_TAG] for t in fresh.tags()} == {"0", "1", "2"}
    mine = [r for r in json_of(directory / "audits.json") if r["scorer"] == "model"]
    results = {(r["audit"], r["slice"], r["metric"]): r for r in mine}
    assert results["scale", "heldout", "mean_reward"]["reason"] == "not_applicable"
    assert set(results["fold_spread", "heldout", "accuracy_sd"]["detail"]["folds"]) == {"0", "1", "2"}
    assert results["best_of_n", "samples", "decline_sd"]["n_pairs"] == 12
    assert results["length_effect", "heldout", "effect_sd"]["estimate"] is not None
    assert results["split_overlap", "train", "overlap"]["status"] == "PASS"
    assert results["accuracy", "heldout", "accuracy"]["n_pairs"] == 90


@pytest.mark.slow
def test_only_the_final_model_is_left_and_nothing_judged_it(crossed: tuple[Path, str]) -> None:
    directory, _ = crossed
    assert not (directory / "model").exists()
    assert not any((directory / "folds" / str(k) / "model").exists() for k in range(FOLDS))
    assert (directory / "final" / "model" / "rmx.json").exists()
    assert json_of(directory / "final" / "data" / "ledger.json")["splits"]["train"] == 90
    assert not (directory / "final" / "scores" / "heldout.parquet").exists()
    done = call("score", f"reward={directory}", "input=x.jsonl", "output=y.jsonl", status=1)
    assert "a cross-fit judges a recipe and has no model; give its final/" in done.stderr


@pytest.mark.slow
def test_its_scores_are_audited_again_to_the_same_verdict(crossed: tuple[Path, str], tmp_path: Path) -> None:
    directory, _ = crossed
    again = tmp_path / "again"
    told = call("audit", f"scores={directory}", "gate.enforce=false", f"hydra.run.dir={again}").stdout
    assert json_of(again / "audits.json") == json_of(directory / "audits.json")
    assert "in 3 folds, on " in told
    assert json_of(again / "gate.json")["folds"] == FOLDS


@pytest.mark.slow
def test_a_killed_cross_fit_goes_on_at_the_fold_it_was_in(crossed: tuple[Path, str], tmp_path: Path) -> None:
    whole, _ = crossed
    directory = tmp_path / "run"
    shutil.copytree(whole, directory)
    # As a kill in the second fold leaves it: its checkpoint, nothing judged, the third not begun, no verdict.
    for name in ("report.html", "gate.json", "audits.json", "scores", "final", "folds/2"):
        path = directory / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ("report.html", "gate.json", "scores"):
        path = directory / "folds" / "1" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    first = (directory / "folds" / "0" / "gate.json").stat().st_mtime_ns
    told = call("train", *JOB, f"hydra.run.dir={directory}", "trainer.resume=auto", timeout=1000).stdout
    assert "fold 1 of 3: finished before" in told
    assert "fold 2 of 3: finished before" not in told
    assert (directory / "folds" / "0" / "gate.json").stat().st_mtime_ns == first
    tables = (read_scores(d / "scores" / "heldout.parquet") for d in (whole, directory))
    one, other = (t.view("model").margins for t in tables)
    np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5)
    refused = call("train", *JOB, f"hydra.run.dir={directory}", "trainer.resume=auto", "optim.lr=0.01", status=1).stderr
    assert "was begun with optim.lr=0.05, not 0.01" in refused


def test_ranks_of_a_launcher_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose_config("train", JOB, run=tmp_path / "run")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match=r"data\.split\.folds: start a cross-fit as one process"):
        cross_fit(config)
    assert not (tmp_path / "run").exists()


def test_its_runs_compose_where_a_file_of_the_users_asks_for_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not of the command line, whose words about folds are not passed on.
    given = ["model.trunk=frozen", "adapter=none", "data.split={folds: 3, final: true, validation: 0}"]
    told: dict[str, Sequence[str]] = {}
    monkeypatch.setattr(cross_fitting, "train_child", lambda path, overrides, **_: told.update({path.name: overrides}))
    monkeypatch.setattr(cross_fitting, "find_fold", lambda path, fold: None)
    config, directory = compose_config("train", given, run=tmp_path), RunDirectory(tmp_path)
    cross_fitting._train_fold(config, 1, directory, RunRecord.begin("train", seeds={}))
    cross_fitting._train_final(config, directory)
    fold, final = (compose_config("train", [*given, *told[n]], run=tmp_path).data.split for n in ("1", "final"))
    assert (fold.folds, fold.fold, fold.final) == (3, 1, False)
    assert (final.folds, final.heldout) == (None, 0)
