from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.domain import Candidate, Message
from rmx.probes import PROBES
from rmx.probes.length import compress, pad
from rmx.probes.length_phrases import PADDING
from rmx.worlds import WORLDS
from rmx.worlds.access_desk.phrases import CLOSERS
from rmx.worlds.access_desk.policies import POLICIES

LENGTH = PROBES["length"]


def edits_of(completion: str, key: str) -> dict[str, str]:
    candidate = Candidate(key, (Message("user", "a question"),), completion)
    edits = LENGTH.edit(candidate, None)
    assert all(edited.prompt == candidate.prompt for edited in edits.values())
    return {variant: edited.completion for variant, edited in edits.items()}


@given(st.text(), st.text())
def test_padding_keeps_the_text_and_adds_whole_sentences(completion: str, key: str):
    padded = pad(completion, key)
    if not completion.strip():
        assert padded is None
        return
    assert padded == pad(completion, key)
    assert padded.startswith(completion.rstrip())
    added = padded[len(completion.rstrip()) :]
    for sentence in PADDING:
        added = added.replace(sentence, "", 1)
    assert added.strip() == ""


@given(st.text())
def test_compression_only_takes_away_at_the_ends(completion: str):
    shorter = compress(completion)
    if shorter is not None:
        assert shorter in completion
        assert shorter.strip()
        assert len(shorter) < len(completion)
        assert compress(shorter) is None


@pytest.mark.parametrize("words", [15, 40, 150])
def test_padding_lies_between_30_and_100_percent_and_varies(words: int):
    text = " ".join(["word"] * (words - 1)) + " end."
    ratios = [(len(pad(text, str(key)).split()) - words) / words for key in range(300)]
    assert min(ratios) > 0.3 - 4 / words
    assert max(ratios) <= 1.0
    assert max(ratios) - min(ratios) > 0.5
    assert len({pad(text, str(key)) for key in range(300)}) > 100


@pytest.mark.parametrize(
    ("completion", "compressed"),
    [
        ("Hello there! Paris. Let me know if you have any other questions.", "Paris."),
        ("Great question! It is 4.", "It is 4."),
        ("That’s a great question. It is 4. I hope this helps!", "It is 4."),
        ("Thanks for asking. Thank you for the details. No.  Have a nice day. Take care.", "No."),
        ("Run:\n\n```\nmake test\n```\n\nDone. Feel free to ask again.", "Run:\n\n```\nmake test\n```\n\nDone."),
        # Claims, refusals and promises stay, and so does a text that is nothing but pleasantry.
        ("Let me know if you see smoke.", None),
        ("Stop. Let me know if you see smoke.", None),
        ("Stop. Take care of the dog.", None),
        ("I'm sorry, I can't help with that.", None),
        ("Sure. I'd be happy to help with that. Mix both.", None),
        ("Hello there!", None),
        ("", None),
    ],
)
def test_compression_by_example(completion: str, compressed: str | None):
    assert compress(completion) == compressed
    assert ("compressed" in edits_of(completion, "k")) == (compressed is not None)


def test_a_text_with_lines_or_broken_off_does_not_run_on_into_the_padding():
    assert pad("1. one\n2. two", "k").startswith("1. one\n2. two\n\n")
    assert pad("and so he went to the", "k").startswith("and so he went to the\n\n")
    assert not pad("It is so.", "k").startswith("It is so.\n")


def test_edits_leave_the_gold_reward_of_a_world_as_it_is():
    desk = WORLDS["access_desk"]
    compressed = 0
    for policy in POLICIES:
        for row in desk.rows({"pairs": 500, "policy": policy}):
            for side in ("chosen", "rejected"):
                edits = edits_of(row[side], row["id"])
                compressed += "compressed" in edits
                assert set(edits) <= set(LENGTH.variants)
                assert len(edits["padded"].split()) > len(row[side].split())
                for text in edits.values():
                    assert desk.gold(row["prompt"], text) == row[f"gold_{side}"]
    assert compressed > 500


def test_padding_is_not_the_filler_of_a_world():
    def folded(sentence: str) -> str:
        return " ".join(sentence.lower().rstrip(".!?").split())

    filler = {s for policy in POLICIES.values() for s in (*policy.openers, *policy.closers)} | set(CLOSERS)
    assert not {folded(s) for s in PADDING} & {folded(s) for s in filler}


@pytest.mark.real_data
def test_on_real_answers(shared_data: Path):
    with gzip.open(shared_data / "hh-harmless" / "pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    answers = [row[side].rsplit("\n\nAssistant:", 1)[1] for row in rows for side in ("chosen", "rejected")]
    answers = [answer for answer in answers if answer.strip()]
    compressed = []
    for number, answer in enumerate(answers):
        edits = edits_of(answer, str(number))
        assert edits["padded"].startswith(answer.rstrip())
        assert len(edits["padded"].split()) > len(answer.split())
        if "compressed" in edits:
            assert edits["compressed"].strip()
            assert edits["compressed"] in answer
            compressed.append(answer)
    # These replies are terse: few open or close with pleasantries.
    assert 10 <= len(compressed) <= 100
