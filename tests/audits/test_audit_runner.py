"""Running audits: what is missing, crashes or is NaN becomes a result that says so; configuration is strict."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml
from slices import ask, edited, one, scores

from rmx.audits import AUDITS, Audit, Evidence, build_audits, read_results, run_audits, write_results
from rmx.audits.accuracy import Accuracy
from rmx.domain import AuditResult
from rmx.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class Broken(Audit):
    """An audit with a bug."""

    name: ClassVar[str] = "broken"
    metrics: ClassVar[tuple[str, ...]] = ("first", "second")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        return [1 / 0]


def test_a_crash_fails_under_its_name_and_spares_the_others() -> None:
    results = run_audits([Broken(), Accuracy()], Evidence({"heldout": scores([1.0] * 20)}))
    assert [(r.audit, r.metric, r.status) for r in results] == [
        ("broken", "first", "FAIL"),
        ("broken", "second", "FAIL"),
        ("accuracy", "accuracy", "REPORTED"),
    ]
    assert "ZeroDivisionError" in results[0].reason


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", sorted(set(AUDITS) - {"split_overlap"}))
def test_a_reward_that_is_not_finite_fails_every_audit(name: str, bad: float) -> None:
    margins = np.random.default_rng(0).normal(size=40)
    margins[7] = bad
    lengths = {"chosen_tokens": range(1, 41), "rejected_tokens": range(41, 1, -1), "agreement": [0.7, 1.0] * 20}
    slices = [scores(margins, slice=s, **lengths) for s in ("heldout", "fresh_policy")]
    baselines = [scores(-margins, scorer=s) for s in ("longer", "shorter", "bag_of_words", "reference")]
    candidates = {"heldout": edited([0.0] * 20, {"padded": [0.1] * 20})}
    results = ask(AUDITS[name](), *slices, *baselines, candidates=candidates)
    judged = [r for (_, scorer, _), r in results.items() if scorer == "model"]
    assert judged
    assert {r.status for r in judged} == {"FAIL"}
    assert all("p000007" in r.reason for r in judged)


@pytest.mark.parametrize("name", sorted(AUDITS))
def test_without_evidence_every_metric_is_not_provided(name: str) -> None:
    results = run_audits([AUDITS[name]()], Evidence())
    assert [r.metric for r in results] == list(AUDITS[name].metrics)
    assert {(r.status, r.reason, r.estimate) for r in results} == {("INCONCLUSIVE", "not_provided", None)}


@pytest.mark.parametrize("name", sorted(AUDITS))
def test_every_row_promised_is_given(name: str) -> None:
    rng = np.random.default_rng(0)
    n = 60
    columns = {
        "chosen_tokens": rng.integers(5, 50, n),
        "rejected_tokens": rng.integers(5, 50, n),
        "agreement": rng.choice([0.7, 1.0], n),
    }
    tables = [
        scores(rng.normal(0.5, 1, n), slice=s, scorer=scorer, **columns)
        for s in ("heldout", "fresh_policy", "validation")
        for scorer in ("model", "longer", "shorter", "bag_of_words", "reference")
    ]
    candidates = {"heldout": edited(rng.normal(size=30), {"padded": rng.normal(size=30)})}
    ledger = {"overlap": {"pairs": 0}, "splits": {}, "groups": {}}
    results = ask(AUDITS[name](), *tables, candidates=candidates, ledger=ledger)
    judged = [r for (_, scorer, _), r in results.items() if scorer == "model"]
    assert sorted(r.metric for r in judged) == sorted(AUDITS[name].metrics)
    assert all(r.estimate is not None and r.ci_low <= r.estimate <= r.ci_high for r in judged)


def test_a_star_stands_for_every_slice_given_once_each() -> None:
    audit = Accuracy(slices=("heldout", "*"))
    tables = [scores([1.0, 2.0], slice=s) for s in ("mine", "heldout", "also_mine")]
    assert [s for s, _, _ in ask(audit, *tables)] == ["heldout", "also_mine", "mine"]
    only_mine = ask(audit, tables[0])
    assert [(s, r.reason == "not_provided") for (s, _, _), r in only_mine.items()] == [
        ("heldout", True),
        ("mine", False),
    ]


def test_an_unknown_scorer_or_slice_is_not_provided() -> None:
    result = one(Accuracy(scorers=("other",)), scores([1.0]))
    assert (result.scorer, result.reason) == ("other", "not_provided")
    assert "other" in result.detail["missing"]


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ({"acuracy": {}}, "audit.acuracy: unknown audit; did you mean `accuracy`?"),
        ({"accuracy": {"slice": ["heldout"]}}, "did you mean `slices`?"),
        ({"accuracy": {"slices": "heldout"}}, "audit.accuracy.slices: expected a list"),
        ({"margin": {"draws": "many"}}, "audit.margin.draws: expected a whole number"),
        ({"accuracy": {"tolerance": {"acuracy": [0, 1]}}}, "did you mean `accuracy`?"),
        ({"accuracy": {"tolerance": {"accuracy": [0.9, 0.1]}}}, "low at most high"),
        ({"accuracy": {"tolerance": {"accuracy": [0.9]}}}, "expected 2 values"),
    ],
)
def test_configuration_is_strict(node: dict, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_audits(node)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["default", "fast"])
def test_shipped_configuration_builds(repository: Path, file: str) -> None:
    nodes = yaml.safe_load((repository / "conf" / "audit" / f"{file}.yaml").read_text())
    audits = build_audits(nodes)
    assert [audit.name for audit in audits] == list(nodes)
    if file == "fast":  # what chooses is not what judges
        assert {s for audit in audits for s in audit.slices} == {"validation"}


def test_results_survive_the_file_nan_included(tmp_path: Path) -> None:
    results = run_audits([Broken(), Accuracy()], Evidence({"heldout": scores([1.0, 2.0] * 9)}))
    odd = AuditResult(
        "a", "s", "m", "x", math.nan, -math.inf, math.inf, "t", 3, 2, tolerance=(None, 0.5), status="FAIL"
    )
    write_results([*results, odd], tmp_path / "audits.json")
    *back, last = read_results(tmp_path / "audits.json")
    assert back == results
    assert math.isnan(last.estimate)
    assert (last.ci_low, last.ci_high, last.tolerance) == (-math.inf, math.inf, (None, 0.5))
    first = (tmp_path / "audits.json").read_bytes()
    write_results([*results, odd], tmp_path / "audits.json")
    assert (tmp_path / "audits.json").read_bytes() == first


@pytest.mark.parametrize("text", ["[{", '{"a": 1}', '[{"audit": "accuracy"}]', "[3]"])
def test_a_damaged_results_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "audits.json").write_text(text)
    with pytest.raises(DataError, match=r"audits\.json"):
        read_results(tmp_path / "audits.json")


def test_a_hundred_thousand_pairs_take_seconds() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    table = scores(
        rng.normal(0.5, 1, n),
        groups=np.arange(n) // 3,
        chosen_tokens=rng.integers(5, 50, n),
        rejected_tokens=rng.integers(5, 50, n),
        agreement=rng.choice([0.7, 1.0], n),
    )
    unscored = {"baselines", "distribution_shift", "length_effect", "paired", "scale_drift", "split_overlap"}
    audits = build_audits({name: {"slices": ["heldout"]} for name in AUDITS if name not in unscored})
    start = time.perf_counter()
    results = run_audits(audits, Evidence({"heldout": table}))
    assert time.perf_counter() - start < 40  # about 4 s on a free core
    assert {r.status for r in results} == {"REPORTED", "INCONCLUSIVE"}


def test_importing_audits_and_gate_loads_no_heavy_library() -> None:
    code = (
        "import sys, rmx.audits, rmx.gate; "
        "print([m for m in ('torch', 'transformers', 'pytorch_lightning', 'scipy', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
