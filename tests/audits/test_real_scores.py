"""Audits against published numbers and ways of counting, on real data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import xxhash
from slices import ask, one
from statsmodels.stats.proportion import proportion_confint

from rmx.audits.accuracy import Accuracy
from rmx.audits.annotators import Annotators
from rmx.audits.length_controlled import LengthControlled
from rmx.audits.noise_ceiling import NoiseCeiling, highest_ceiling
from rmx.audits.style_controlled import StyleControlled
from rmx.audits.style_matrix import StyleMatrix
from rmx.config.load import compose_config
from rmx.data.slices import Slice, build_slice
from rmx.data.style import with_style
from rmx.domain import PreferencePair
from rmx.score_table import CandidateTable, Comparisons, ScoreTable, join_scores, read_scores
from rmx.scorers.slice_texts import collect_texts

pytestmark = pytest.mark.real_data


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def built(name: str, path: Path, run: Path, *more: str) -> Slice:
    given = [f"slice={name}", f"slice.{name}.data.path='{path}'", "recipe=none", *more]
    config = compose_config("train", given, run=run)
    return build_slice(name, config.slice[name], None, config.data)


def reward(text: str) -> float:
    """A number that depends on the text alone, and a little on its length and dress."""
    return blind(text) + 0.1 * np.log(len(text)) + 0.02 * text.count("**")


def blind(text: str) -> float:
    """A number that depends on the text alone."""
    return xxhash.xxh64_intdigest(text.encode()) / 2.0**64


def scored(pairs: Sequence[PreferencePair], name: str, score: Callable[[str], float] = reward) -> ScoreTable:
    texts = collect_texts(name, pairs)
    texts = texts.with_tokens([len(candidate.completion.split()) + 1 for candidate in texts.candidates])
    rewards = np.array([score(candidate.completion) for candidate in texts.candidates])
    table: CandidateTable = texts.scored("model", rewards)
    return join_scores(table, Comparisons.from_pairs(pairs, slice=name))


def test_the_published_accuracy_of_a_published_model(shared_data: Path, tmp_path: Path) -> None:
    """GRM-Gemma-2B on JudgeBench: 59.43% of 350 pairs, from a CSV as anyone would write it."""
    lines = ["pair_id,group,chosen_reward,rejected_reward,source"]
    for row in rows(shared_data / "judgebench-scores" / "grm-gemma-2b.jsonl.gz"):
        a, b = row["score_A"], row["score_B"]
        chosen, rejected = (a, b) if row["label"] == "A>B" else (b, a)
        lines.append(f"{row['pair_id']},{row['pair_id']},{chosen!r},{rejected!r},{row['source']}")
    file = tmp_path / "scores.csv"
    file.write_text("\n".join(lines) + "\n")
    result = one(Accuracy(), read_scores(file))
    assert round(100 * result.estimate, 2) == 59.43
    assert (result.n_pairs, result.n_groups, result.ci_method) == (350, 350, "Wilson")
    assert (result.ci_low, result.ci_high) == pytest.approx(proportion_confint(208, 350, method="wilson"))


def test_rm_bench_counts_as_its_own_script_does(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "rm-bench"
    expected = []
    for file in ("chat", "safety-response"):
        matrix = np.zeros((3, 3))
        items = rows(folder / f"{file}.jsonl.gz")
        for row in items:
            for i in range(3):
                for j in range(3):
                    matrix[i, j] += reward(row["chosen"][i]) > reward(row["rejected"][j])
        expected.append(matrix / len(items))
    table = scored(built("rm_bench", folder / "*.jsonl.gz", tmp_path).pairs, "rm_bench")
    results = {metric: r for (_, _, metric), r in ask(StyleMatrix(), table).items()}
    mean = np.mean(expected, axis=0)
    assert results["hard_accuracy"].estimate == pytest.approx(np.triu(mean, 1).sum() / 3)
    assert results["normal_accuracy"].estimate == pytest.approx(np.diag(mean).mean())
    assert results["easy_accuracy"].estimate == pytest.approx(np.tril(mean, -1).sum() / 3)
    domains = results["style_gap"].detail["domains"]
    for name, matrix in zip(("chat", "safety"), expected, strict=True):
        assert np.array(domains[name]) == pytest.approx(matrix)


def test_how_often_pandalms_people_agree(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "pandalm" / "annotations.jsonl.gz"
    tables = [scored(built(name, path, tmp_path).pairs, name) for name in ("pandalm_unanimous", "pandalm_split")]
    audit = NoiseCeiling(slices=("pandalm_unanimous",), pool=("pandalm_split",))
    low, high, point = (r for r in ask(audit, *tables).values())
    seen = low.detail
    # Every pair of three votes that name a side, whoever they agree with: 3:0 agrees always, 2:1 one time in three.
    three = seen["votes"]["3"]
    unanimous = len(built("pandalm_unanimous", path, tmp_path).pairs)
    assert seen["agreement"] == pytest.approx((unanimous + (three - unanimous) / 3) / three)
    assert high.estimate == pytest.approx(highest_ceiling(seen["agreement"]))
    assert low.estimate < point.estimate < high.estimate
    assert low.ci_low > 0.9


def annotators(path: Path, run: Path) -> list[dict]:
    tables = [scored(built(name, path, run).pairs, name) for name in ("pandalm_unanimous", "pandalm_split")]
    audit = Annotators(slices=("pandalm_unanimous",), pool=("pandalm_split",))
    return next(iter(ask(audit, *tables).values())).detail["annotators"]


def test_pandalms_people_err_as_their_agreement_says(shared_data: Path, tmp_path: Path) -> None:
    """Of three annotators errors are in closed form: A12 = 2 P(1 and 2 agree) - 1 = c1 c2, so c1 = √(A12 A13 / A23)."""
    path = shared_data / "pandalm" / "annotations.jsonl.gz"
    votes = [[row[f"annotator{k}"] for k in (1, 2, 3)] for row in rows(path) if usable(row)]
    said = np.array([cast for cast in votes if 0 not in cast])
    agree = {(i, j): 2 * np.mean(said[:, i] == said[:, j]) - 1 for i, j in ((0, 1), (0, 2), (1, 2))}
    balance = [
        np.sqrt(agree[0, 1] * agree[0, 2] / agree[1, 2]),
        np.sqrt(agree[0, 1] * agree[1, 2] / agree[0, 2]),
        np.sqrt(agree[0, 2] * agree[1, 2] / agree[0, 1]),
    ]
    people = {person["annotator"]: person for person in annotators(path, tmp_path)}
    for k, c in enumerate(balance):
        # Duplicates leave the slices and not the rows.
        assert people[f"annotator{k + 1}"]["error"] == pytest.approx((1 - c) / 2, abs=0.004)
    assert not any(person["kind"] for person in people.values())


def usable(row: dict) -> bool:
    texts = row["response1"], row["response2"]
    return all(isinstance(text, str) and text.strip() for text in texts) and len(set(texts)) == 2


def test_one_of_pandalms_people_turned_round_is_named(shared_data: Path, tmp_path: Path) -> None:
    """The third annotator's votes are turned round, wherever that leaves a majority."""
    turned = tmp_path / "turned.jsonl"
    lines = rows(shared_data / "pandalm" / "annotations.jsonl.gz")
    for row in lines:
        row["annotator3"] = {1: 2, 2: 1}.get(row["annotator3"], row["annotator3"])
    turned.write_text("\n".join(map(json.dumps, lines)) + "\n")
    people = annotators(turned, tmp_path)
    assert {p["annotator"]: p["kind"] for p in people if p["kind"]} == {"annotator3": "inverts"}
    assert people[0]["error"] > 0.9


def test_a_wordy_policy_loses_what_it_owes_to_its_length(shared_data: Path, tmp_path: Path) -> None:
    """Eight policies that write longer than the reference, by a scorer that pays for length and one that does not."""
    path = shared_data / "alpaca-eval" / "comparisons.jsonl.gz"
    pairs = built("weak_to_strong", path, tmp_path, "+slice.weak_to_strong.data.near_duplicates=false").pairs
    for score, pays in ((blind, False), (reward, True)):
        results = {metric: r for (_, _, metric), r in ask(LengthControlled(), scored(pairs, "heldout", score)).items()}
        detail, premium = results["win_rate"].detail, results["length_premium"]
        assert (detail["reference"], len(detail["policies"])) == ("text_davinci_003", 8)
        assert all(policy["tokens_longer"] > 50 for policy in detail["policies"].values())
        assert premium.alarm == pays
        assert results["controlled_win_rate"].ci_low < 0.5 < results["controlled_win_rate"].ci_high
        if pays:
            assert premium.ci_low > 0
            assert results["win_rate"].ci_low > 0.55
        # GPT-4's own preference for the longer answers, which AlpacaEval's length control was made for.
        assert detail["labels"]["win_rate"] == pytest.approx(0.87, abs=0.02)
        assert detail["labels"]["controlled_win_rate"] == pytest.approx(0.68, abs=0.04)


def test_gpt4_likes_length_and_lists_and_a_blind_reward_does_not(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "alpaca-eval" / "comparisons.jsonl.gz"
    few = ["+slice.weak_to_strong.data.near_duplicates=false", "+slice.weak_to_strong.data.limit=9000"]
    pairs = [with_style(pair) for pair in built("weak_to_strong", path, tmp_path, *few).pairs]

    for score, likes_length in ((blind, False), (reward, True)):
        table = scored(pairs, "heldout", score)
        results = {metric: r for (_, _, metric), r in ask(StyleControlled(), table).items()}
        assert results["length_slope_sd"].alarm == likes_length
        assert not results["lists_slope_sd"].alarm
        # What the labels like beyond the reward is theirs, whatever the reward.
        assert results["length_log_odds"].ci_low > 0.3
        assert results["lists_log_odds"].ci_low > 0.1
