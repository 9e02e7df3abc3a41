"""Examples on the page: side by side, folded where long, marked where edited, by id where the text is not at hand."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_run import Run, edit, named_table, text
from test_html import HOSTILE, page_of

from rmx.report.example_view import FOLD, LEAD, MOST, PREVIEW, view_examples

SHORT = text("No.")
LONG = text("The answer goes on. " * 60)


def shown(spans: tuple[tuple[str, bool], ...]) -> str:
    return "".join(part for part, _ in spans)


def known(*texts: object) -> dict[str, object]:
    return {t.candidate_id: t for t in texts}


def test_a_short_text_is_shown_whole_and_a_long_one_folded() -> None:
    (view,) = view_examples([edit(SHORT, LONG, metric="margin", size=-0.5)], known(SHORT, LONG))
    short, long = (side.text for side in view.sides)
    assert (shown(short.spans), short.preview) == ("No.", ())
    assert shown(long.spans) == LONG.completion
    assert long.length == len(LONG.completion) > FOLD
    assert shown(view.prompt[0].text.spans) == "May Ana enter the lab?"
    assert view.size == "margin −0.500"
    assert [side.facts for side in view.sides] == [
        "original · reward 1.250 · 40 tokens",
        "edited · reward 1.750 · 60 tokens",
    ]


def test_previews_of_both_texts_begin_shortly_before_the_edit_and_the_edit_is_marked() -> None:
    padded = text(LONG.completion + "I hope this helps.")
    (view,) = view_examples([edit(LONG, padded)], known(LONG, padded))
    before, after = (side.text for side in view.sides)
    assert [span.text for span in after.spans if span.changed] == ["I hope this helps."]
    assert shown(after.preview).startswith("…")
    assert shown(after.preview).endswith("The answer goes on. I hope this helps.")
    assert any(span.changed for span in after.preview)
    assert LONG.completion.endswith(shown(before.preview).removeprefix("…"))
    assert shown(after.preview).startswith(shown(before.preview)), "both begin at the same place"
    assert len(shown(before.preview)) == LEAD + 1
    early = text(f"What a fine question! {LONG.completion}")
    (view,) = view_examples([edit(LONG, early)], known(LONG, early))
    assert shown(view.sides[1].text.preview).startswith("What a fine question! The answer")
    assert shown(view.sides[1].text.preview).endswith("…")
    assert len(shown(view.sides[1].text.preview)) == PREVIEW + 1


def test_an_edited_prompt_stands_on_both_sides_and_a_shared_one_above_them() -> None:
    other = text("No.", ("user", "Nice day! May Ana enter the lab?"))
    (view,) = view_examples([edit(SHORT, other)], known(SHORT, other))
    assert view.prompt == ()
    assert [shown(side.prompt[0].text.spans) for side in view.sides] == [
        "May Ana enter the lab?",
        "Nice day! May Ana enter the lab?",
    ]
    assert [s.text for s in view.sides[1].prompt[0].text.spans if s.changed] == ["Nice day! "]
    swapped = text("No.", ("system", "Be brief."), ("user", "Another question?"))
    (view,) = view_examples([edit(SHORT, swapped)], known(SHORT, swapped))
    assert [[turn.role for turn in side.prompt] for side in view.sides] == [["user"], ["system", "user"]]


def test_answers_of_a_pair_are_no_edits_of_each_other() -> None:
    example = edit(SHORT, LONG)
    pair = replace(
        example, sides=(replace(example.sides[0], role="chosen"), replace(example.sides[1], role="rejected"))
    )
    (view,) = view_examples([pair], known(SHORT, LONG))
    assert not any(span.changed for side in view.sides for span in side.text.spans)


def test_a_very_long_text_is_cut_on_the_page_and_said_so(run: Run, tmp_path: Path) -> None:
    huge = text("x" * (MOST + 5))
    (view,) = view_examples([edit(huge, SHORT)], known(huge, SHORT))
    assert (len(shown(view.sides[0].text.spans)), view.sides[0].text.cut) == (MOST, 5)
    page = page_of(run.but(edits=(edit(huge, SHORT),), texts=known(huge, SHORT)), tmp_path)
    assert "5 more characters are in scores/examples.jsonl." in page.text("audits")


def test_pairs_with_their_texts_stand_side_by_side(run: Run, tmp_path: Path) -> None:
    right, wrong = text("Ana may not."), text("Sure, everyone may.")
    tags = '{"topic": "badge", "chosen_headers": "3"}'
    scores = {"heldout": named_table([(right, wrong)], tags=[tags] * 400)}
    page = page_of(run.but(scores=scores, texts=known(right, wrong)), tmp_path)
    evidence = page.text("evidence")
    assert re.search(
        r"Most confidently wrong heldout-000000 margin −7\.000 heldout · topic badge user May Ana enter the lab\? "
        r"chosen · reward −5\.000 · \d+ tokens Ana may not\. "
        r"rejected · reward 2\.000 · \d+ tokens Sure, everyone may\.",
        evidence,
    ), evidence
    assert "headers" not in evidence
    assert "not at hand" not in evidence


def test_a_table_of_scores_alone_says_that_it_has_no_texts_and_gives_ids(run: Run, tmp_path: Path) -> None:
    right, wrong = text("Ana may not."), text("Sure, everyone may.")
    bare = run.but(scores={"heldout": named_table([(right, wrong)])}, edits=(edit(right, wrong),))
    page = page_of(bare, tmp_path)
    for section in ("evidence", "audits"):
        assert "The texts of these are not at hand" in page.text(section)
        assert right.candidate_id in page.text(section)
    assert "article" not in page.tags
    half = bare.but(texts=known(right), edits=(edit(right, wrong), edit(right, right)))
    assert "The texts of 1 more are not at hand" in page_of(half, tmp_path).text("audits")


def test_the_edits_of_an_audit_that_failed_are_open(run: Run, tmp_path: Path) -> None:
    failed = run.but(edits=(edit(SHORT, LONG),), texts=known(SHORT, LONG))
    passed = failed.but(results=tuple(replace(r, status="PASS") for r in run.results))

    assert ("details", "open", "") in page_of(failed, tmp_path).attributes
    assert ("details", "open", "") not in page_of(passed, tmp_path).attributes
    assert "The worst examples, 1" in page_of(passed, tmp_path).text("audits")


@pytest.mark.parametrize("bad", [HOSTILE, "</div></details></main>", "\x00\u202e\ud83d", "{{ 7 * 7 }}", "", " \n\n "])
def test_no_text_is_markup(bad: str, run: Run, tmp_path: Path) -> None:
    first, second = text(bad, (HOSTILE, bad)), text(f"{bad}{bad} and more", ("user", bad))
    example = edit(first, second, name=HOSTILE, tags={HOSTILE: HOSTILE})
    scores = {"heldout": named_table([(first, second)])}
    hostile = run.but(scores=scores, edits=(example,), texts=known(first, second))
    page = page_of(hostile, tmp_path)
    assert page.open == []
    assert not {"script", "img"} & set(page.tags)
    visible = " ".join(bad.encode("utf-8", "backslashreplace").decode().split())
    assert visible in page.text("evidence")
    assert visible in page.text("audits")
    assert "49" not in page.text("audits").split()
