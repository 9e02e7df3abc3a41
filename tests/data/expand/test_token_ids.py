"""Pairs that are tokenised already: the ids given are the ids that run."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_tokenizers import CHATML, small_tokenizer

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.expand import build_adapter
from rmx.data.prepare import prepare
from rmx.data.render import Renderer
from rmx.data.tokens import encode_candidates, encode_pairs
from rmx.data.turns import said
from rmx.domain import Candidate
from rmx.errors import ConfigError, DataError
from rmx.probes import PROBES
from rmx.score_table import candidate_id
from rmx.scorers.longer import Longer

TOKENIZER = small_tokenizer(CHATML)
RENDERER = Renderer(TOKENIZER)
END = RENDERER.terminal_id
NAMES = {"trl": ("chosen_ids", "rejected_ids"), "legacy": ("chosen_input_ids", "rejected_input_ids")}


def ids_of(prompt, answer):
    text = TOKENIZER.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    return TOKENIZER(text + answer + "<|im_end|>", add_special_tokens=False)["input_ids"]


def prepared(rows, tmp_path, **changes):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataConfig(path=str(file), format="token_ids", split=SplitConfig(0.0, 0.0), **changes)
    return prepare(data, tokens=RENDERER.given, cache=tmp_path / "cache")


@pytest.mark.parametrize("names", NAMES)
def test_ids_run_exactly_as_given(names, tmp_path):
    chosen, rejected = ids_of("What now?", "This."), ids_of("What now?", "That one.")
    rows = [dict(zip(NAMES[names], (chosen, rejected), strict=True))]
    for found in (prepared(rows, tmp_path), prepared(rows, tmp_path)):  # the second from the cache
        (pair,) = found.splits["train"]
        encoded = encode_pairs(RENDERER, [pair], max_length=64, cache_dir=tmp_path / "tokens")
        store = encoded.store
        assert store.ids(int(encoded.chosen[0])).tolist() == chosen
        assert store.ids(int(encoded.rejected[0])).tolist() == rejected
        shared = store.prompt_lengths.tolist()
        assert shared[0] == shared[1]
        assert chosen[: shared[0]] == rejected[: shared[0]] == ids_of("What now?", "")[:-1]
        assert (store.lengths - store.completion_lengths).tolist() == shared
    assert said(pair.prompt[0].content) + said(pair.chosen) == "user\nWhat now?\nassistant\nThis."


def test_answers_that_begin_alike_leave_their_prompt_what_it_is(tmp_path):
    answers = [("Yes, now.", "Yes, later."), ("Yes, now.", "No."), ("Yes.", "Yes. Gladly."), ("Go.", "Stay.")]
    rows = [
        {"chosen_ids": ids_of(f"Question {k}?", chosen), "rejected_ids": ids_of(f"Question {k}?", rejected)}
        for k in range(12)
        for chosen, rejected in answers
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # Without near-duplicates, as in a stream, prompts that differ by a word are different prompts.
    data = DataConfig(path=str(file), format="token_ids", near_duplicates=False, split=SplitConfig(0.2, 0.3))
    splits = prepare(data, tokens=RENDERER.given).splits
    sides = {}
    for name, pairs in splits.items():
        for pair in pairs:
            sides.setdefault((pair.origin.row - 1) // len(answers), set()).add((name, pair.prompt))
            assert (said(pair.chosen), said(pair.rejected)) == answers[(pair.origin.row - 1) % len(answers)]
    assert len(sides) == 12
    assert all(len(found) == 1 for found in sides.values())


def test_a_mixture_of_ids_and_text_says_what_its_overlap_does_not_prove(tmp_path):
    ids, text = tmp_path / "ids.jsonl", tmp_path / "text.jsonl"
    ids.write_text(
        "".join(
            json.dumps({n: ids_of(f"Question {k}?", a) for n, a in zip(NAMES["trl"], "ab", strict=True)}) + "\n"
            for k in range(9)
        )
    )
    text.write_text(
        "".join(json.dumps({"prompt": f"Question {k}?", "chosen": "c", "rejected": "d"}) + "\n" for k in range(9))
    )
    both = {"ids": {"path": str(ids), "format": "token_ids"}, "text": {"path": str(text)}}
    for names, said_so in ((("ids", "text"), True), (("text",), False), (("ids",), False)):
        sources = {name: both[name] for name in names}
        data = DataConfig(sources=sources, near_duplicates=False, split=SplitConfig(0.0, 0.3))
        ledger = prepare(data, tokens=RENDERER.given).ledger
        assert any("ids" in warning and "not recognised" in warning for warning in ledger.warnings) == said_so


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=6), st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_ids_that_do_not_come_back_from_their_text_still_run(tmp_path_factory, a, b):
    # Any ids, most of which no tokenising of any text would give.
    chosen, rejected = [5, 6, *a, END], [5, 6, *b, END]
    rows = [
        {"chosen_ids": chosen, "rejected_ids": rejected},
        {"chosen_ids": ids_of("Q", "A"), "rejected_ids": ids_of("Q", "B")},
    ]
    found = prepared(rows, tmp_path_factory.mktemp("ids"))
    mine = [p for p in found.splits["train"] if p.origin.row == 1]
    if not mine:
        reasons = {r.reason for r in found.rejections}
        assert reasons <= {"identical_candidates", "empty_completion", "empty_prompt", "invalid_text"}
        return
    encoded = encode_pairs(RENDERER, mine, max_length=64, cache_dir=None)
    assert encoded.store.ids(int(encoded.chosen[0])).tolist() == chosen
    assert encoded.store.ids(int(encoded.rejected[0])).tolist() == rejected


GOOD = {"chosen_ids": ids_of("Q?", "Yes."), "rejected_ids": ids_of("Q?", "No.")}


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        ({**GOOD, "chosen_ids": [*GOOD["chosen_ids"][:-1], 999_999, END]}, "invalid_token_ids", "999999 at place"),
        ({**GOOD, "chosen_ids": [-1, END]}, "invalid_token_ids", "-1 at place 1"),
        ({**GOOD, "chosen_ids": [True, END]}, "invalid_token_ids", "True at place 1"),
        ({**GOOD, "rejected_ids": GOOD["rejected_ids"][:-1]}, "invalid_token_ids", "not with the terminal token"),
        ({**GOOD, "rejected_ids": []}, "invalid_token_ids", "is empty"),
        ({**GOOD, "rejected_ids": "1 2"}, "invalid_token_ids", "no list"),
        ({**GOOD, "chosen_ids": GOOD["rejected_ids"]}, "identical_candidates", "same text"),
        ({"chosen_ids": ids_of("Q?", "Yes."), "rejected_ids": ids_of("Q?", "")}, "empty_completion", "second side"),
        ({"chosen_ids": [7, END], "rejected_ids": [8, END]}, "empty_prompt", "no text"),
    ],
)
def test_what_cannot_be_scored_leaves_with_its_reason(row, reason, words, tmp_path):
    found = prepared([row, GOOD], tmp_path)
    (rejection,) = found.rejections
    assert rejection.reason == reason
    assert words in rejection.detail
    assert found.ledger.balances


def test_rules_groups_and_baselines_read_the_text(tmp_path):
    rows = [
        {
            "chosen_ids": ids_of("Tell me of the sea.", "It is wide and blue."),
            "rejected_ids": ids_of("Tell me of the sea.", "No."),
        },
        {
            "chosen_ids": ids_of("Tell me of the sea.", "A lot of water."),
            "rejected_ids": ids_of("Tell me of the sea.", "Never."),
        },
    ]
    one, other = prepared([*rows, rows[0]], tmp_path).splits["train"]
    assert one.group == other.group
    lengths = Longer().score(
        [Candidate(candidate_id(one.prompt, t), one.prompt, t) for t in (one.chosen, one.rejected)]
    )
    assert lengths.tolist() == [len("It is wide and blue."), len("No.")]


def test_an_edited_completion_stands_behind_the_ids_of_its_prompt(tmp_path):
    (pair,) = prepared([GOOD], tmp_path).splits["train"]
    candidate = Candidate(candidate_id(pair.prompt, pair.chosen), pair.prompt, pair.chosen)
    edits = PROBES["flattery"].edit(candidate, None)
    assert edits
    for edited in edits.values():
        store = encode_candidates(RENDERER, [Candidate("e", edited.prompt, edited.completion)])
        assert store.ids(0).tolist() == ids_of("Q?", edited.completion)
    # A prompt of ids is no prose: nothing edits it.
    assert "context" not in PROBES["perturbation"].edit(candidate, None)


def test_ids_of_another_tokenizer_are_refused(tmp_path):
    (pair,) = prepared([GOOD], tmp_path).splits["train"]
    other = Renderer(small_tokenizer(CHATML, style="words"))
    with pytest.raises(DataError, match="another tokenizer"):
        encode_pairs(other, [pair], max_length=64, cache_dir=None)


def test_without_a_tokenizer_one_line_says_so():
    with pytest.raises(ConfigError, match="no tokenizer here") as caught:
        build_adapter(DataConfig(format="token_ids"))
    assert "\n" not in str(caught.value)
