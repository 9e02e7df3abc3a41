"""The gate's truth table, its sentences, and its files."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rmx.audits import AUDITS, write_results
from rmx.config.schema import GateConfig
from rmx.domain import AuditResult, GateDecision
from rmx.errors import ConfigError, DataError
from rmx.gate import build_requirements, decide, explain, read_gate, write_gate

HUMAN = {"heldout": ("human",), "fresh_policy": ("human",)}


def result(low: float | None, high: float | None, **changes: Any) -> AuditResult:
    """An accuracy on heldout with this interval."""
    estimate = None if low is None or high is None else (low + high) / 2
    base = AuditResult(
        "accuracy", "heldout", "model", "accuracy", estimate, low, high, "cluster Wilson", n_pairs=400, n_groups=200
    )
    return replace(base, **changes)


def gate(**requirements: dict[str, Any]) -> GateConfig:
    return GateConfig(name="test", requirements=requirements)


def want(kind: str = "prove", **bound: Any) -> dict[str, Any]:
    return {"kind": kind, "audit": "accuracy", "slice": "heldout", "metric": "accuracy", **(bound or {"above": 0.6})}


INSIDE, ACROSS, OUTSIDE = result(0.65, 0.75), result(0.55, 0.75), result(0.4, 0.55)
CRASHED = result(None, None, status="FAIL", reason="the audit crashed: ZeroDivisionError: division by zero")
NAN = result(0.65, 0.75, estimate=math.nan)
NAN_END = result(0.65, math.nan, estimate=0.7)
NOT_GIVEN = result(None, None, status="INCONCLUSIVE", reason="not_provided", detail={"missing": "no scores"})
NO_INTERVAL = result(0.7, 0.7, ci_low=None, ci_high=None)

TRUTH = [
    ("prove", [INSIDE], "PASS", "PASS"),
    ("prove", [ACROSS], "INCONCLUSIVE", "INCONCLUSIVE"),
    ("prove", [OUTSIDE], "FAIL", "FAIL"),
    ("prove", [CRASHED], "FAIL", "FAIL"),
    ("prove", [NAN], "FAIL", "FAIL"),
    ("prove", [NAN_END], "FAIL", "FAIL"),
    ("prove", [NOT_GIVEN], "INCONCLUSIVE", "INCONCLUSIVE"),
    ("prove", [NO_INTERVAL], "INCONCLUSIVE", "INCONCLUSIVE"),
    ("prove", [], "INCONCLUSIVE", "INCONCLUSIVE"),
    ("prove", [INSIDE, INSIDE], "FAIL", "FAIL"),
    ("refute", [INSIDE], "PASS", "PASS"),
    ("refute", [ACROSS], "INCONCLUSIVE", "PASS"),
    ("refute", [OUTSIDE], "FAIL", "FAIL"),
    ("refute", [CRASHED], "FAIL", "FAIL"),
    ("refute", [NAN], "FAIL", "FAIL"),
    ("refute", [NAN_END], "FAIL", "FAIL"),
    ("refute", [NOT_GIVEN], "INCONCLUSIVE", "PASS"),
    ("refute", [NO_INTERVAL], "INCONCLUSIVE", "PASS"),
    ("refute", [], "INCONCLUSIVE", "PASS"),
]
OVERLAP = result(0, 0, audit="split_overlap", slice="train", metric="overlap", ci_method="exact count")
PROVED = {"kind": "prove", "audit": "split_overlap", "slice": "train", "metric": "overlap", "at_most": 0}


@pytest.mark.parametrize(("kind", "results", "status", "verdict"), TRUTH)
def test_truth_table(kind: str, results: list[AuditResult], status: str, verdict: str) -> None:
    decision = decide([OVERLAP, *results], gate(sure=PROVED, it=want(kind)), label_sources=HUMAN)
    outcome = decision.requirements[1]
    assert (outcome.status, decision.verdict) == (status, verdict)
    assert ("it" in decision.blocked_by) == (verdict != "PASS")
    sentence = explain(outcome)
    assert sentence.endswith(".")
    assert "{" not in sentence
    assert sentence.startswith("Blocked" if status == "FAIL" else "Met" if status == "PASS" else "Not ")


@pytest.mark.parametrize(("first", "second"), itertools.product(TRUTH, TRUTH))
def test_the_worse_requirement_decides(first: tuple, second: tuple) -> None:
    order = ["PASS", "INCONCLUSIVE", "FAIL"]
    moved = [replace(r, slice="other") for r in second[1]]
    requirements = gate(sure=PROVED, a=want(first[0]), b=want(second[0]) | {"slice": "other"})
    decision = decide([OVERLAP, *first[1], *moved], requirements, label_sources=HUMAN)
    assert decision.verdict == max(first[3], second[3], key=order.index)


def test_nothing_at_all_never_passes() -> None:
    assert decide([], gate(it=want()), label_sources={}).verdict == "INCONCLUSIVE"
    outcome = decide([], gate(it=want()), label_sources={}).requirements[0]
    assert explain(outcome) == (
        "Not proved: accuracy on heldout: not provided: the audit was not run on this slice and scorer."
    )


@pytest.mark.parametrize(
    ("sources", "status", "simulated"),
    [
        (("human",), "PASS", False),
        (("gold",), "PASS", True),
        (("gold", "human"), "PASS", True),
        (("model",), "INCONCLUSIVE", False),
        (("human", "model"), "INCONCLUSIVE", False),
        (("unknown",), "INCONCLUSIVE", False),
        ((), "INCONCLUSIVE", False),
    ],
)
def test_fresh_labels_must_be_human_or_said_to_be_simulated(sources: tuple, status: str, simulated: bool) -> None:
    fresh = replace(INSIDE, slice="fresh_policy")
    requirement = gate(fresh=want() | {"slice": "fresh_policy"})
    decision = decide([fresh], requirement, label_sources={"fresh_policy": sources})
    assert (decision.requirements[0].status, decision.simulated) == (status, simulated)
    if status == "INCONCLUSIVE":
        assert "must come from people" in explain(decision.requirements[0])


def test_fresh_labels_that_were_never_given_are_missing_not_of_the_wrong_kind() -> None:
    fresh = result(None, None, estimate=None, slice="fresh_policy", reason="not_provided", status="INCONCLUSIVE")
    fresh = replace(fresh, detail={"missing": "no scores of slice fresh_policy"})
    decision = decide([fresh], gate(fresh=want() | {"slice": "fresh_policy"}), label_sources={})
    assert decision.requirements[0].status == "INCONCLUSIVE"
    assert "not provided: no scores of slice fresh_policy" in explain(decision.requirements[0])


def test_simulated_heldout_labels_are_said_too() -> None:
    assert decide([INSIDE], gate(it=want()), label_sources={"heldout": ("gold",)}).simulated


def test_blocked_length_effect_in_words() -> None:
    found = result(0.51, 0.73, audit="length_effect", metric="effect_sd")
    requirement = gate(it=want(within=0.2) | {"audit": "length_effect", "metric": "effect_sd"})
    outcome = decide([found], requirement, label_sources=HUMAN).requirements[0]
    assert explain(outcome) == (
        "Blocked: making an answer longer without adding content raises its reward by 0.62 sd [0.51, 0.73]; "
        "allowed is less than 0.2 sd."
    )
    down = replace(outcome, result=replace(found, estimate=-0.62, ci_low=-0.73, ci_high=-0.51))
    assert "lowers its reward by 0.62 sd [0.51, 0.73]" in explain(down)


@pytest.mark.parametrize(
    ("audit", "metric", "words"),
    [
        ("markdown_effect", "effect_sd", "setting the same words in markdown raises an answer's reward by 0.62 sd ["),
        ("flattery_effect", "effect_sd", "flattering the reader first raises an answer's reward by 0.62 sd ["),
        ("perturbation", "accuracy_drop", "accuracy on heldout falls by 62.0 points ["),
        (
            "degenerate",
            "below_worst_share",
            "62.0% [51.0%, 73.0%] of the degenerate completions on heldout score below",
        ),
        ("prompt_dependence", "dependence", "the reward orders 62.0 points [51.0, 73.0] fewer of the heldout pairs"),
    ],
)
def test_what_edited_texts_show_is_said_in_words(audit: str, metric: str, words: str) -> None:
    requirement = gate(it=want(within=0.8) | {"audit": audit, "metric": metric})
    found = result(0.51, 0.73, audit=audit, metric=metric)
    assert words in explain(decide([found], requirement, label_sources=HUMAN).requirements[0])


def test_open_proof_says_how_many_pairs_it_needs() -> None:
    # Estimate .65, SE .05: (2.8 · .05 / .05)² · 400 pairs
    outcome = decide([replace(ACROSS, mde=0.14)], gate(it=want()), label_sources=HUMAN).requirements[0]
    assert explain(outcome) == (
        "Not proved: the reward orders 65.0% [55.0%, 75.0%] of the heldout pairs as their labels do; "
        "required is more than 60%; the interval reaches across the bound; about 3,136 pairs could settle it."
    )


@pytest.mark.parametrize(
    ("bound", "words", "passes"),
    [
        ({"above": 0.65}, "> 0.65", False),
        ({"at_least": 0.65}, ">= 0.65", True),
        ({"below": 0.75}, "< 0.75", False),
        ({"at_most": 0.75}, "<= 0.75", True),
        ({"within": 0.76}, "|x| < 0.76", True),
        ({"above": 0.6, "at_most": 0.8}, "> 0.6 and <= 0.8", True),
    ],
)
def test_bounds_and_their_ends(bound: dict[str, float], words: str, passes: bool) -> None:
    outcome = decide([INSIDE], gate(it=want(**bound)), label_sources=HUMAN).requirements[0]
    assert outcome.bound == words
    assert (outcome.status == "PASS") == passes


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        (want() | {"kind": "proof"}, "kind: unknown value"),
        (want() | {"abov": 0.6}, "did you mean `above`?"),
        (want() | {"audit": "acuracy"}, "did you mean `accuracy`?"),
        (want() | {"metric": "acuracy"}, "did you mean `accuracy`?"),
        (want(above=None), "give within, or one of"),
        (want(above=0.6, at_least=0.6), "give within, or one of"),
        (want(within=0.2, below=0.5), "within must be above zero and stand without another bound"),
        (want(above=True), "expected a number"),
        ({"audit": "accuracy"}, "missing value"),
    ],
)
def test_wrong_requirements_are_named(requirement: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_requirements(gate(it=requirement))
    assert "gate.requirements.it" in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize("requirements", [{}, {"only": want("refute")}, {"off": None}])
def test_a_gate_that_proves_nothing_is_refused(requirements: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="proves nothing"):
        decide([], gate(**requirements), label_sources={})


def _shipped(repository: Path, name: str) -> GateConfig:
    return GateConfig(**yaml.safe_load((repository / "conf" / "gate" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("name", ["default", "strict", "external"])
def test_shipped_gates_ask_for_what_the_shipped_audits_answer(repository: Path, name: str) -> None:
    audits = yaml.safe_load((repository / "conf" / "audit" / "default.yaml").read_text())
    requirements = build_requirements(_shipped(repository, name))
    for requirement in requirements.values():
        default = AUDITS[requirement.audit]().slices
        assert requirement.slice in audits[requirement.audit].get("slices", default)
    assert decide([], _shipped(repository, name), label_sources={}).verdict == "INCONCLUSIVE"


def test_strict_asks_for_more_than_default_and_external_for_less(repository: Path) -> None:
    default, strict, external = (build_requirements(_shipped(repository, n)) for n in ("default", "strict", "external"))
    assert default["length_effect"].words == "|x| < 0.2"
    assert strict["length_effect"].words == "|x| < 0.1"
    assert strict["fresh_accuracy"].words == strict["length_balanced_accuracy"].words == ">= 0.8"
    # What nobody can prove of a foreign scorer still blocks where it is known to be wrong.
    assert (default["split_overlap"].kind, external["split_overlap"].kind) == ("prove", "refute")
    assert external["gain_over_baselines"].metric == "gain_available"
    assert {n for n, r in default.items() if r.kind == "refute"} == {"fresh_drop", "temperature"}


@pytest.fixture
def written(tmp_path: Path) -> tuple[GateDecision, Path]:
    results = [OVERLAP, ACROSS, replace(NAN, slice="other")]
    requirements = gate(sure=PROVED, it=want(), nan=want() | {"slice": "other"}, none=want() | {"slice": "gone"})
    decision = decide(results, requirements, label_sources=HUMAN)
    write_results(results, tmp_path / "audits.json")
    write_gate(decision, tmp_path / "gate.json", audits=tmp_path / "audits.json", fingerprints={"data": "d1"})
    return decision, tmp_path / "gate.json"


def test_a_decision_on_a_recipe_stays_one(tmp_path: Path) -> None:
    decision = decide([OVERLAP], gate(sure=PROVED), label_sources=HUMAN, folds=5)
    write_results([OVERLAP], tmp_path / "audits.json")
    write_gate(decision, tmp_path / "gate.json", audits=tmp_path / "audits.json")
    assert read_gate(tmp_path / "gate.json") == decision
    assert decision.folds == 5


def test_decision_survives_the_file(written: tuple[GateDecision, Path]) -> None:
    decision, path = written
    back = read_gate(path, fingerprints={"data": "d1", "model": "not recorded"})
    assert (back.verdict, back.blocked_by, back.gate) == ("FAIL", ("it", "nan", "none"), "test")
    assert back.requirements[:2] == decision.requirements[:2]
    assert math.isnan(back.requirements[2].result.estimate)
    rows = json.loads(path.read_text())["requirements"]
    assert [row["sentence"] for row in rows] == [explain(o) for o in decision.requirements]


@pytest.mark.parametrize(
    ("old", "new"),
    [('"verdict": "FAIL"', '"verdict": "PASS"'), ("> 0.6", "> 0.5"), ('"status": "INCONCLUSIVE"', '"status": "PASS"')],
)
def test_an_edited_decision_is_refused(written: tuple[GateDecision, Path], old: str, new: str) -> None:
    path = written[1]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=r"gate\.json: edited"):
        read_gate(path)


def test_edited_audits_are_refused(written: tuple[GateDecision, Path]) -> None:
    audits = written[1].parent / "audits.json"
    audits.write_text(audits.read_text().replace("0.55", "0.65"))
    with pytest.raises(DataError, match=r"audits\.json: not the audits"):
        read_gate(written[1])


def test_another_runs_decision_is_refused(written: tuple[GateDecision, Path]) -> None:
    with pytest.raises(DataError, match="decided for another data"):
        read_gate(written[1], fingerprints={"data": "d2"})


@pytest.mark.parametrize("missing", ["gate.json", "audits.json"])
def test_missing_files_are_named(written: tuple[GateDecision, Path], missing: str) -> None:
    (written[1].parent / missing).unlink()
    with pytest.raises(DataError, match=rf"{missing}: no such file"):
        read_gate(written[1])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_cut_decision_is_refused(written: tuple[GateDecision, Path], text: str) -> None:
    written[1].write_text(text)
    with pytest.raises(DataError, match="not a complete gate decision"):
        read_gate(written[1])
