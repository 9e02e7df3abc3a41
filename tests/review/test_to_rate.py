"""Which answers people are asked to rate, and that their ratings are what best-of-n needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rmx.audits.best_of_n import BestOfN
from rmx.audits.evidence import Evidence
from rmx.audits.runner import run_audits
from rmx.config.schema import DataConfig
from rmx.data.samples import SampledPrompt, SamplesSpec, read_samples
from rmx.errors import RunError
from rmx.review.to_rate import write_to_rate
from rmx.scorers.slice_texts import SliceTexts, collect_texts

AUDITS = [BestOfN()]


def drawn(tmp_path: Path, **spec: object) -> tuple[SampledPrompt, ...]:
    path = tmp_path / "samples.jsonl"
    rows = [{"prompt": f"Question {p}?", "completions": [f"Answer {i % 12}." for i in range(16)]} for p in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_samples("samples", SamplesSpec(path=str(path), **spec), DataConfig(near_duplicates=False))


def scored(texts: SliceTexts) -> Evidence:
    rewards = np.random.default_rng(0).normal(size=len(texts.candidates))
    return Evidence(scores={}, candidates={"samples": texts.scored("model", rewards)})


def test_the_ratings_asked_for_are_those_that_the_audit_needs(tmp_path: Path) -> None:
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    path = tmp_path / "review" / "to_rate.jsonl"
    count = write_to_rate(path, scored(texts), AUDITS, {"samples": texts.candidates})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert 20 * 2 < len(rows) == count < 20 * 5
    assert len({(row["prompt"][0]["content"], row["completion"]) for row in rows}) == count
    assert set(rows[0]) == {"slice", "prompt", "completion", "gold"}  # nothing that tells what the reward thinks
    for k, row in enumerate(rows):
        row["gold"] = float(k % 7)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rated = collect_texts("samples", (), samples=drawn(tmp_path, ratings=str(path)))
    evidence = scored(rated)
    (gain, *_) = run_audits(AUDITS, evidence)
    assert gain.estimate is not None
    assert gain.detail["rated"] == count
    assert write_to_rate(tmp_path / "again.jsonl", evidence, AUDITS, {"samples": rated.candidates}) == 0
    assert not (tmp_path / "again.jsonl").exists()


def test_nothing_is_asked_without_samples_or_without_the_audit(tmp_path: Path) -> None:
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    path = tmp_path / "to_rate.jsonl"
    assert write_to_rate(path, scored(texts), [], {"samples": texts.candidates}) == 0
    assert write_to_rate(path, Evidence(scores={}, candidates={}), AUDITS, {}) == 0
    assert not path.exists()


def test_ratings_that_somebody_has_begun_are_not_overwritten(tmp_path: Path) -> None:
    """A run that is continued in its directory asks anew."""
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    folder = tmp_path / "review"
    path = folder / "to_rate.jsonl"
    for _ in range(2):  # as it was written, it is nobody's work
        write_to_rate(path, scored(texts), AUDITS, {"samples": texts.candidates})
    assert [file.name for file in folder.iterdir()] == ["to_rate.jsonl"]
    asked = path.read_text()
    for number in (1, 2):
        begun = asked.replace("null", str(number), 1)
        path.write_text(begun)
        write_to_rate(path, scored(texts), AUDITS, {"samples": texts.candidates})
        assert (folder / f"to_rate.{number}.jsonl").read_text() == begun
    assert path.read_text() == asked


def test_where_it_cannot_be_written_is_named(tmp_path: Path) -> None:
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/to_rate\.jsonl: cannot be written"):
        write_to_rate(tmp_path / "file" / "to_rate.jsonl", scored(texts), AUDITS, {"samples": texts.candidates})


def test_the_order_of_a_prompts_answers_is_that_of_their_ids_and_not_of_the_draws(tmp_path: Path) -> None:
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    path = tmp_path / "to_rate.jsonl"
    write_to_rate(path, scored(texts), AUDITS, {"samples": texts.candidates})
    ids = {(c.prompt[0].content, c.completion): c.candidate_id for c in texts.candidates}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    by_prompt: dict[str, list[str]] = {}
    for row in rows:
        by_prompt.setdefault(row["prompt"][0]["content"], []).append(
            ids[row["prompt"][0]["content"], row["completion"]]
        )
    assert len(by_prompt) == 20
    assert all(found == sorted(found) for found in by_prompt.values())


def test_a_reward_that_is_not_finite_is_the_audits_to_say(tmp_path: Path) -> None:
    texts = collect_texts("samples", (), samples=drawn(tmp_path))
    rewards = np.full(len(texts.candidates), np.nan)
    evidence = Evidence(scores={}, candidates={"samples": texts.scored("model", rewards)})
    assert write_to_rate(tmp_path / "to_rate.jsonl", evidence, AUDITS, {"samples": texts.candidates}) == 0
    assert {result.status for result in run_audits(AUDITS, evidence)} == {"FAIL"}
