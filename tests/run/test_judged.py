"""One scorer is judged: which, what it needs, and what leaves where it has no score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmx.audits.registry import build_audits
from rmx.audits.runner import run_audits
from rmx.config.load import compose_config
from rmx.data.slices import Slice
from rmx.domain import Candidate, Message, Origin, PreferencePair
from rmx.errors import ConfigError, DataError
from rmx.run.evaluation import evaluate
from rmx.run.judged import find_judged, refuse_judged
from rmx.run.judged_scores import score_judged
from rmx.run.score_file import score_file
from rmx.run.text_slices import build_text_slice
from rmx.score_table import candidate_id, read_candidates, read_scores
from rmx.scorers import build_baseline
from rmx.scorers.base import Scored

WORDS = ("red", "blue", "green", "grey", "pink", "black")


def pairs(count: int = 24) -> tuple[PreferencePair, ...]:
    return tuple(
        PreferencePair(
            f"p{i}",
            (Message("user", f"Which colour is number {i}?"),),
            f"It is {WORDS[i % 6]}, surely.",
            f"{WORDS[(i + 1) % 6]} {i}",
            Origin("made.jsonl", i + 1),
            f"g{i}",
        )
        for i in range(count)
    )


def rows(path: Path, given: Sequence[PreferencePair]) -> Path:
    path.write_text(
        "".join(
            json.dumps({"prompt": p.prompt[0].content, "chosen": p.chosen, "rejected": p.rejected, "id": p.pair_id})
            + "\n"
            for p in given
        )
    )
    return path


def rewards(path: Path, given: Sequence[PreferencePair]) -> Path:
    texts = [(p, side) for p in given for side in (p.chosen, p.rejected)]
    lines = [
        {"prompt": p.prompt[0].content, "completion": text, "reward": 3.0 if text == p.chosen else i / 100}
        for i, (p, text) in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def composed(tmp_path: Path, *overrides: str, command: str = "evaluate") -> Any:
    return compose_config(command, [*overrides, f"paths.cache={tmp_path / 'cache'}"], run=tmp_path / "run")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["scorer=hf"], "reward: missing value; scorer.hf scores with what reward=DIR names"),
        (["scorer=table", "scorer.table.path=x", "reward=d"], "reward: d would not be read, scorer.table is judged"),
        (["scorer=[hf,rmx]", "reward=d"], "scorer.rmx.kind: scorer.hf is judged already, one at a time is"),
        (["scorer=[]"], "reward: missing value"),
        (["reward=d", "scorer.mine={path: x}"], "scorer.mine.kind: missing value"),
    ],
)
def test_what_cannot_be_judged_is_refused(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find_judged(composed(tmp_path, *overrides))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_kind_alone_has_its_baselines_beside_it_and_reward_alone_is_as_it_was(tmp_path: Path) -> None:
    config = composed(tmp_path, "scorer=hf", "reward=d")
    assert set(config.scorer) == {"hf", "longer", "shorter", "bag_of_words"}
    assert find_judged(config).kind == "hf"
    assert find_judged(composed(tmp_path, "reward=d")).kind == "reward"
    refuse_judged(composed(tmp_path, "reward=d").scorer)
    with pytest.raises(ConfigError, match=r"^scorer.hf.kind: hf would be judged in place of the model that is trained"):
        refuse_judged(config.scorer)


def test_a_table_is_judged_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, table = rows(tmp_path / "pairs.jsonl", pairs()), rewards(tmp_path / "rewards.jsonl", pairs())
    given = ["scorer=table", f"scorer.table.path={table}", "data=jsonl", f"data.path={data}"]
    evaluate(composed(tmp_path, *given, "data.near_duplicates=false"))
    told = capsys.readouterr().out
    assert "lengths are counted in words and punctuation" in told
    assert "Model table" in told
    scores = read_scores(tmp_path / "run" / "scores" / "heldout.parquet")
    assert scores.scorers == ("longer", "model", "shorter")
    view = scores.view()
    assert view is not None
    assert len(view) == 24
    assert (view.wins == 1).all()
    assert view.chosen_tokens is not None
    assert set(view.chosen_tokens.tolist()) == {6}  # It is red , surely .
    # Edits that the table does not hold are left out and said, their audits answer that they were not given.
    assert "0 of 24 and " in told
    results = json.loads((tmp_path / "run" / "audits.json").read_text())
    length = next(r for r in results if r["audit"] == "length_effect" and r["slice"] == "heldout")
    assert (length["status"], length["reason"]) == ("INCONCLUSIVE", "not_provided")
    assert read_candidates(tmp_path / "run" / "scores" / "heldout.candidates.parquet").of("model").num_rows == 48


def test_members_of_an_ensemble_stand_beside_it_and_are_audited(tmp_path: Path) -> None:
    data = rows(tmp_path / "pairs.jsonl", pairs())
    rng = np.random.default_rng(0)
    members = []
    for name in ("first", "second", "third"):
        folder = tmp_path / f"{name} (its own)"
        folder.mkdir()
        lines = [
            {"prompt": p.prompt[0].content, "completion": text, "reward": float(rng.normal() + (text == p.chosen))}
            for p in pairs()
            for text in (p.chosen, p.rejected)
        ]
        (folder / "r.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        members += [
            f"scorer.ensemble.members.{name}.kind=table",
            f"scorer.ensemble.members.{name}.path={folder}/r.jsonl",
        ]
    given = ["scorer=ensemble", *members, "data=jsonl", f"data.path={data}", "data.near_duplicates=false"]
    evaluate(composed(tmp_path, *given, "audit.ensemble.members=[first,second,third]"))
    table = read_scores(tmp_path / "run" / "scores" / "heldout.parquet")
    assert table.scorers == ("first", "longer", "model", "second", "shorter", "third")
    candidates = read_candidates(tmp_path / "run" / "scores" / "heldout.candidates.parquet")
    assert candidates.of("third").num_rows == candidates.of("model").num_rows == 48
    results = json.loads((tmp_path / "run" / "audits.json").read_text())
    auroc = next(r for r in results if r["metric"] == "error_auroc")
    assert auroc["n_pairs"] == 24
    assert 0 < auroc["estimate"] < 1


def test_a_verifier_that_loops_costs_its_pair_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Catastrophic backtracking: the pattern would try for years on the one answer that nearly fits it.
    given = [replace(p, rejected="a" * 60 + "!" if p.pair_id == "p7" else p.rejected) for p in pairs()]
    data = rows(tmp_path / "pairs.jsonl", given)
    function = "scorer.verifier.function=rmx.scorers.verifiers:regex"
    pattern = "scorer.verifier.arguments.pattern='surely|^(a+)+$'"
    more = ["scorer.verifier.seconds=2", "data=jsonl", f"data.path={data}", "data.near_duplicates=false", "audit=fast"]
    config = composed(tmp_path, "scorer=verifier", function, pattern, *more, "audit={accuracy: {}}")
    evaluate(config)
    view = read_scores(tmp_path / "run" / "scores" / "heldout.parquet").view()
    assert view is not None
    assert len(view) == 23
    assert (view.margins == 1).all()
    assert "slice heldout: without a score 1 of 24 and 0 edits (timeout: " in capsys.readouterr().out


def test_originals_without_a_row_end_the_run_with_their_count_and_the_first(tmp_path: Path) -> None:
    data, table = rows(tmp_path / "pairs.jsonl", pairs()), rewards(tmp_path / "rewards.jsonl", pairs()[:20])
    given = ["scorer=table", f"scorer.table.path={table}", "data=jsonl", f"data.path={data}"]
    with pytest.raises(DataError) as error:
        evaluate(composed(tmp_path, *given, "data.near_duplicates=false"))
    assert str(error.value).startswith("slice heldout: 8 of 48 texts have no score, first candidate ")
    assert candidate_id(pairs()[20].prompt, pairs()[20].chosen) in str(error.value)


def test_a_file_is_scored_by_any_scorer_of_texts(tmp_path: Path) -> None:
    source, table = tmp_path / "in.jsonl", rewards(tmp_path / "rewards.jsonl", pairs(2))
    texts = [(p.prompt[0].content, p.chosen) for p in pairs(3)]
    source.write_text(
        "".join(json.dumps({"id": i, "prompt": p, "completion": c}) + "\n" for i, (p, c) in enumerate(texts))
    )
    out = tmp_path / "out.jsonl"
    given = ["scorer=table", f"scorer.table.path={table}", f"input={source}", f"output={out}"]
    assert score_file(composed(tmp_path, *given, command="score")) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["reward"] for line in lines] == [3.0, 3.0, None]
    assert lines[2]["reason"].startswith("missing: ")


class Texts:
    """A scorer of texts by a function of the completion."""

    identity, flags = "texts", ()

    def __init__(self, value: Any, reasons: dict[int, str] | None = None) -> None:
        self.value, self.reasons = value, reasons or {}

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        return Scored(np.array([self.value(c) for c in candidates], np.float64), self.reasons)


def judged(scorer: Any, tmp_path: Path, given: Sequence[PreferencePair] = (), audits: Sequence[Any] = ()) -> Any:
    given = tuple(given) or pairs()
    data = build_text_slice(Slice("heldout", given, "data", None, len(given)), list(audits))
    return score_judged(scorer, {"heldout": data}, list(audits), limit=0.5, cache=tmp_path)


def test_a_text_that_could_not_be_scored_takes_its_pair_and_its_edits_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audits = build_audits({"length_effect": {"items": 24}})
    scores = judged(Texts(lambda c: len(c.completion), {0: "timeout: looped"}), tmp_path, audits=audits)
    evidence = scores.evidence([build_baseline("longer")], None)
    view = evidence.scores["heldout"].view()
    assert view.pair_ids == sorted(p.pair_id for p in pairs()[1:])
    assert "without a score 1 of 24 and 0 edits (timeout: looped)" in capsys.readouterr().out
    data = scores.slices["heldout"]
    assert [r.pair_id for r in data.slice.rejections] == ["p0"]
    # The numbers that are left still belong to their texts.
    assert scores.scored["heldout"].values.tolist() == [len(c.completion) for c in data.texts.candidates]
    sources = {use.source_id for use in data.texts.uses if use.probe}
    assert sources
    assert candidate_id(pairs()[0].prompt, pairs()[0].chosen) not in sources
    with pytest.raises(DataError, match=r"slice heldout: 13 of 24 leave without a score, first timeout: looped"):
        judged(Texts(lambda c: 0.0, dict.fromkeys(range(13), "timeout: looped")), tmp_path)


def test_nan_fails_a_wrong_count_is_refused_and_one_value_for_all_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audits = build_audits({"accuracy": None, "calibration": None})
    bad = judged(Texts(lambda c: float("nan") if "pink" in c.completion else 1.0), tmp_path).evidence([], None)
    assert {r.status for r in run_audits(audits, bad)} == {"FAIL"}
    same = judged(Texts(lambda c: 2.5), tmp_path).evidence([], None)
    assert "all 48 scores are 2.5: the scorer tells nothing apart" in capsys.readouterr().out
    accuracy = run_audits(audits, same)[0]
    assert (accuracy.estimate, accuracy.detail["ties"]) == (0.5, 24)

    class Short(Texts):
        def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
            return Scored(np.zeros(len(candidates) - 1))

    with pytest.raises(DataError, match="slice heldout: the scorer gave 47 scores for 48"):
        judged(Short(None), tmp_path)


class Judge:
    """A pairwise judge with its two orders."""

    identity, flags = "judge", ()

    def score_pairs(self, given: Sequence[PreferencePair]) -> Scored:
        margins = np.array([len(p.chosen) - len(p.rejected) for p in given], np.float64)
        reasons = {i: "prose: no verdict" for i, p in enumerate(given) if p.pair_id == "p3"}
        return Scored(margins, reasons, {"chosen_first": margins + 1, "rejected_first": margins - 1})


def test_a_pairwise_judge_has_margins_beside_those_of_baselines_and_no_level(tmp_path: Path) -> None:
    scores = judged(Judge(), tmp_path)
    evidence = scores.evidence([build_baseline("longer"), build_baseline("shorter")], None)
    table = evidence.scores["heldout"]
    assert table.kind == "pairwise"
    assert table.scorers == ("chosen_first", "longer", "model", "rejected_first", "shorter")
    left = {p.pair_id: p for p in pairs() if p.pair_id != "p3"}
    for scorer, sign, shift in (("model", 1, 0), ("chosen_first", 1, 1), ("rejected_first", 1, -1)):
        view = table.view(scorer)
        assert view is not None
        expected = [sign * (len(left[i].chosen) - len(left[i].rejected)) + shift for i in view.pair_ids]
        assert view.margins.tolist() == expected
    shorter = table.view("shorter")
    longer = table.view("longer")
    assert shorter is not None
    assert longer is not None
    assert (shorter.margins == -longer.margins).all()
    nodes = dict.fromkeys(("accuracy", "baselines", "scale", "length_effect", "markdown_effect", "determinism"))
    answers = {r.audit: r for r in run_audits(build_audits(nodes), evidence) if r.scorer == "model"}
    assert answers["accuracy"].estimate == 1
    assert answers["baselines"].detail["baselines"]["longer"]["gain"] == 0
    for name in ("scale", "length_effect", "markdown_effect", "determinism"):
        assert (answers[name].status, answers[name].reason) == ("INCONCLUSIVE", "not_applicable"), name
