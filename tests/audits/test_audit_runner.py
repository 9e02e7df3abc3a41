"""Running audits: what is missing, crashes or is NaN becomes a result that says so; configuration is strict."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
import yaml
from samples import exploit_world
from slices import ask, one, scores

from rmx.audits import AUDITS, Audit, Evidence, build_audits, read_results, run_audits, write_results
from rmx.audits.accuracy import Accuracy
from rmx.audits.benchmarks import Benchmark
from rmx.audits.determinism import RESCORED
from rmx.data.contamination.record import KINDS
from rmx.domain import AuditResult
from rmx.errors import ConfigError, DataError
from rmx.probes import PROBES
from rmx.score_table import CANDIDATE_COLUMNS, FOLD_TAG, CandidateTable, ScoreTable

SLICES = ("heldout", "fresh_policy", "rm_bench", "refusals", "sycophancy")
BENCHMARKS = sorted(name for name, audit in AUDITS.items() if issubclass(audit, Benchmark))
STYLES = ("concise", "detailed", "detailed_markdown")
# Values of each tag in turn; lengths without common factors, so that every combination occurs.
TAGS = {
    "style_chosen": [style for style in STYLES for _ in STYLES],
    "style_rejected": STYLES,
    "belief": ["wrong", "neutral", "right", "wrong", "neutral"],
    "safety": ["unsafe", "safe"],
    "chosen_refuses": ["true", "false"],
    "votes": ["[3, 0, 0]", "[2, 1, 0]", "[3, 0, 0]", "[3, 0, 0]"],
    "ballots": [
        json.dumps([[name, "rejected" if k == odd else "chosen"] for k, name in enumerate("abc")])
        for odd in (0, 3, 1, 3, 2, 3, 3)
    ],
    "chosen_policy": ["mine", "base", "mine", "base", "mine"],
    "rejected_policy": ["base", "mine", "base", "mine", "base"],
    "chosen_headers": ["0", "2", "0", "1"],
    "rejected_headers": ["1", "0", "0", "0", "2"],
    "chosen_bold": ["0", "1", "0", "4", "0", "0", "2"],
    "rejected_bold": ["2", "0", "1"],
    "chosen_lists": ["3", "0", "0", "0", "5", "0", "0", "1"],
    "rejected_lists": ["0", "4", "0", "0", "0", "2", "0"],
}

GIVEN = {
    "ensemble": {"members": ("longer", "shorter", "bag_of_words")},
    "length_controlled": {"reference": "base"},
}
"""Parameters of audits that answer nothing without."""


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


def probed(name: str, table: ScoreTable) -> CandidateTable:
    """The completions of a table, finite, and every edit of them that an audit's probe makes."""
    rng, view = np.random.default_rng(0), table.view()
    sources = [*view.chosen_ids, *view.rejected_ids]
    rewards = np.nan_to_num([*view.chosen, *view.rejected], posinf=0.0)
    groups = [f"g{code}" for code in (*view.group_codes, *view.group_codes)]
    rows, probe = [], PROBES[getattr(AUDITS[name], "probe", "length")]
    for source, (reward, group) in dict(zip(sources, zip(rewards, groups, strict=True), strict=True)).items():
        common = {"slice": "heldout", "scorer": "model", "group": group, "prompt_id": group}
        rows.append(common | {"candidate_id": source, "reward": reward})
        edit = common | {"probe": probe.name, "source_id": source}
        rows += [
            edit | {"candidate_id": f"{source}-{v}", "variant": v, "reward": reward + rng.normal()}
            for v in probe.variants
        ]
        rows.append(edit | {"candidate_id": source, "probe": RESCORED, "variant": "alone", "reward": reward})
    return CandidateTable(pa.Table.from_pylist(rows, schema=CANDIDATE_COLUMNS))


def sampled(bad: float | None = None) -> CandidateTable:
    """Samples whose gold turns down, with one reward replaced."""
    table = exploit_world(3.0, prompts=40, n=64, seed=0).table
    if bad is None:
        return CandidateTable(table)
    rewards = table["reward"].to_numpy().copy()
    rewards[table["prompt_id"].to_pylist().index("p000007")] = bad
    return CandidateTable(table.set_column(table.schema.get_field_index("reward"), "reward", pa.array(rewards)))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", sorted(set(AUDITS) - {"contamination", "split_overlap"}))
def test_a_reward_that_is_not_finite_fails_every_audit(name: str, bad: float) -> None:
    margins = np.random.default_rng(0).normal(size=40)
    margins[7] = bad
    lengths = {"chosen_tokens": range(1, 41), "rejected_tokens": range(41, 1, -1), "agreement": [0.7, 1.0] * 20}
    lengths |= {f"{side}_id": [f"{side}{i}" for i in range(40)] for side in ("chosen", "rejected")}
    slices = [scores(margins, slice=s, **lengths) for s in dict.fromkeys((*SLICES, *BENCHMARKS))]
    baselines = [scores(-margins, scorer=s) for s in ("longer", "shorter", "bag_of_words", "reference")]
    candidates = {"heldout": probed(name, slices[0]), "samples": sampled(bad)}
    results = ask(AUDITS[name](**GIVEN.get(name, {})), *slices, *baselines, candidates=candidates)
    judged = [r for (_, scorer, _), r in results.items() if scorer == "model"]
    assert judged
    assert {r.status for r in judged} == {"FAIL"}
    assert all("p000007" in r.reason for r in judged)


@pytest.mark.parametrize("name", sorted(AUDITS))
def test_without_evidence_every_metric_is_not_provided(name: str) -> None:
    results = run_audits([AUDITS[name](scorers=("model",))], Evidence())
    assert [r.metric for r in results] == list(AUDITS[name].metrics)
    assert {(r.status, r.reason, r.estimate) for r in results} == {("INCONCLUSIVE", "not_provided", None)}


def triads(rng: np.random.Generator, groups: int, **columns: Any) -> ScoreTable:
    """Groups of three candidates with all pairs labelled; the earlier one is chosen and mostly scores higher."""
    rewards = rng.normal([1.0, 0.5, 0.0], 0.7, (groups, 3))
    group, chosen, rejected = np.repeat(np.arange(groups), 3), np.tile([0, 1, 0], groups), np.tile([1, 2, 2], groups)
    low = rewards[group, rejected]
    ids = {
        f"{side}_id": [f"t{g}-{k}" for g, k in zip(group, which, strict=True)]
        for side, which in (("chosen", chosen), ("rejected", rejected))
    }
    return scores(rewards[group, chosen] - low, rejected=low, groups=group, **ids, **columns)


# What benchmarks and a judge of pairs read has tables of its own, in their own tests.
@pytest.mark.parametrize("name", sorted(set(AUDITS) - {*BENCHMARKS, "position_bias"}))
def test_every_row_promised_is_given(name: str) -> None:
    rng = np.random.default_rng(0)
    n = 60
    columns = {
        "chosen_tokens": rng.integers(5, 50, n),
        "rejected_tokens": rng.integers(5, 50, n),
        "agreement": rng.choice([0.7, 1.0], n),
        "tags": [json.dumps({key: values[i % len(values)] for key, values in TAGS.items()}) for i in range(n)],
    }
    if name == "fold_spread":
        columns["tags"] = [json.dumps({FOLD_TAG: str(i // 6)}) for i in range(n)]
    tables = [
        triads(rng, n // 3, slice=s, scorer=scorer, **columns)
        for s in (*SLICES, "validation")
        for scorer in ("model", "longer", "shorter", "bag_of_words", "reference")
    ]
    candidates = {"heldout": probed(name, tables[0]), "samples": sampled()}
    searched = {"items": n, "groups": n, "ids": {}, **{k: dict.fromkeys(KINDS, 0) for k in ("counts", "shares")}}
    contamination = {"by_slice": {"heldout": searched}}
    ledger = {"overlap": {"pairs": 0}, "splits": {}, "groups": {}, "contamination": contamination}
    results = ask(AUDITS[name](**GIVEN.get(name, {})), *tables, candidates=candidates, ledger=ledger)
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


@pytest.mark.parametrize("file", ["default", "fast", "full"])
def test_shipped_configuration_builds(repository: Path, file: str) -> None:
    nodes = yaml.safe_load((repository / "conf" / "audit" / f"{file}.yaml").read_text())
    nodes.pop("defaults", None)
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
    unscored = {
        "baselines",
        "contamination",
        "distribution_shift",
        "paired",
        "scale_drift",
        "split_overlap",
        *(name for name, audit in AUDITS.items() if hasattr(audit, "probe")),
    }
    audits = build_audits({name: {"slices": ["heldout"]} for name in AUDITS if name not in unscored})
    start = time.process_time()
    results = run_audits(audits, Evidence({"heldout": table}))
    assert time.process_time() - start < 40  # about 4 s where nothing else runs
    assert {r.status for r in results} == {"REPORTED", "INCONCLUSIVE"}


def test_importing_audits_and_gate_loads_no_heavy_library() -> None:
    code = (
        "import sys, rmx.audits, rmx.gate; "
        "print([m for m in ('torch', 'transformers', 'pytorch_lightning', 'scipy', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
