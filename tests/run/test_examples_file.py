"""`scores/examples.jsonl`: written once, read again, and refused where a text is not the one that was scored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rmx.audits.examples import Example, Side
from rmx.domain import Candidate, Message
from rmx.errors import DataError
from rmx.run.examples import read_texts, write_examples
from rmx.score_table import candidate_id


def text(completion: str, question: str = "May Ana enter the lab?") -> Candidate:
    prompt = (Message("system", "Be brief."), Message("user", question))
    return Candidate(candidate_id(prompt, completion), prompt, completion)


def example(first: Candidate, second: Candidate) -> Example:
    sides = (Side("chosen", first.candidate_id, -1.5, 7), Side("rejected", second.candidate_id, float("inf"), None))
    return Example("accuracy", "heldout", "model", "p1", "margin", float("-inf"), sides, {"topic": "badge"})


YES, NO, ODD = text("Yes."), text("No."), text('half a \ud83d pair, \u2028 "quoted" </script>')


def test_texts_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "scores" / "examples.jsonl"
    write_examples(path, [example(YES, NO), example(ODD, YES)], {t.candidate_id: t for t in (YES, NO, ODD)})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sides"][0]["completion"] for row in rows] == [YES.completion, ODD.completion]
    assert (rows[0]["name"], rows[0]["size"], rows[0]["tags"]) == ("p1", "-Infinity", {"topic": "badge"})
    assert rows[0]["sides"][0]["prompt"][1] == {"role": "user", "content": "May Ana enter the lab?"}
    assert read_texts(path) == {t.candidate_id: t for t in (YES, NO, ODD)}


def test_an_example_without_both_texts_is_left_out_and_no_text_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    write_examples(path, [example(YES, NO), example(YES, ODD)], {t.candidate_id: t for t in (YES, NO)})
    assert set(read_texts(path)) == {YES.candidate_id, NO.candidate_id}
    write_examples(path, [example(YES, ODD)], {})
    assert not path.exists(), "those of an earlier attempt belong to other scores"
    assert read_texts(path) == {}


def test_an_example_of_a_table_that_names_no_candidates_has_no_text(tmp_path: Path) -> None:
    nameless = replace(example(YES, NO), sides=(Side("chosen", None, 1.0), Side("rejected", None, 2.0)))
    write_examples(tmp_path / "examples.jsonl", [nameless], {YES.candidate_id: YES})
    assert not (tmp_path / "examples.jsonl").exists()


@pytest.mark.parametrize(("old", "new"), [("Yes.", "Yes, surely."), ("Be brief.", "Be kind."), ('"user"', '"tool"')])
def test_another_text_than_was_scored_is_refused(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    write_examples(path, [example(NO, YES)], {t.candidate_id: t for t in (YES, NO)})
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"examples\.jsonl: row 1: the text is not the one that was scored as"):
        read_texts(path)


@pytest.mark.parametrize("line", ['{"sides": [', "[]", "{}", '{"sides": [{"prompt": 3}]}', '{"sides": 3}'])
def test_a_line_that_is_no_example_is_one_line_of_error(line: str, tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(DataError, match=r"examples\.jsonl: row 1: not a complete example; remove the file") as caught:
        read_texts(path)
    assert "\n" not in str(caught.value)
