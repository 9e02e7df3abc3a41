import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.cache import load_prepared, store_prepared
from rmx.data.prepare import prepare
from rmx.data.turns import MARK, pack, packed, readable, said, split_tools, strings, tools_turn, unpack
from rmx.domain import Candidate, Message
from rmx.probes import PROBES
from rmx.score_table import candidate_id
from rmx.scorers.judge_question import as_text, filled

CALL = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Bonn", "days": 2}}}


@given(st.text(), st.sampled_from(["assistant", "user", "system", "tool"]))
def test_a_turn_of_text_alone_is_its_text(text, role):
    assert pack(text, {}) == text
    if not packed(text):
        assert unpack(Message(role, text)) == {"role": role, "content": text}
        assert said(text) == readable(text) == text


@given(st.none() | st.text(), st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_calls_survive_with_their_order(content, arguments):
    calls = [{"type": "function", "function": {"name": "f", "arguments": arguments}}]
    text = pack(content, {"tool_calls": calls})
    found = unpack(Message("assistant", text))
    assert found == {"role": "assistant", "content": content, "tool_calls": calls}
    assert list(found["tool_calls"][0]["function"]["arguments"]) == list(arguments)
    assert set(strings(Message("assistant", text))) >= {*arguments, "f"}


def test_what_only_looks_like_one_is_refused_for_its_role():
    for role, text in (
        ("assistant", MARK + "{broken"),
        ("assistant", MARK + '{"content": "a", "name": "n"}'),
        ("user", pack("hi", {"tool_calls": [CALL]})),
        ("tool", MARK + "[]"),
    ):
        with pytest.raises(ValueError, match=role):
            unpack(Message(role, text))


def test_tools_are_the_first_turn_and_part_of_every_id():
    tools = [{"type": "function", "function": {"name": "weather"}}]
    asked = Message("user", "Will it rain?")
    assert split_tools((tools_turn(tools), asked)) == (tools, (asked,))
    assert split_tools((asked,)) == (None, (asked,))
    with_tools, without = ((tools_turn(tools), asked), (asked,))
    assert candidate_id(with_tools, "No.") != candidate_id(without, "No.")
    assert candidate_id(without, pack(None, {"tool_calls": [CALL]})) != candidate_id(without, pack("", {}))
    with pytest.raises(ValueError, match="list of objects"):
        split_tools((Message("tools", '{"a": 1}'), asked))


def test_edits_and_counts_take_a_call_for_what_it_is():
    asked = (tools_turn([{"function": {"name": "weather"}}]), Message("user", "Will it rain?"))
    text = pack("I look.", {"tool_calls": [CALL]})
    candidate = Candidate(candidate_id(asked, text), asked, text)
    for name in ("markdown", "length", "flattery"):
        assert PROBES[name].edit(candidate, None) == {}
    edited = PROBES["perturbation"].edit(candidate, None)
    assert {e.completion for e in edited.values()} <= {text}
    assert all(e.prompt[0] == asked[0] for e in edited.values())
    assert as_text(asked).startswith('[tools]\n[{"function"')
    assert filled("{completion}", completion=text).startswith('{"content":"I look."')


def test_a_dialogue_with_tools_comes_back_from_the_cache_as_it_was(tmp_path):
    row = {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        "prompt": [
            {"role": "user", "content": "Weather in Bonn and in Köln?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", **CALL}]},
            {"role": "tool", "content": "rain", "name": "weather", "tool_call_id": "c1"},
        ],
        "chosen": [{"role": "assistant", "tool_calls": [CALL]}],
        "rejected": [{"role": "assistant", "content": "Sunny."}],
    }
    other = {**row, "rejected": [{"role": "assistant", "content": "Cloudy."}]}
    # The same dialogue with other tools is another prompt: no contradiction, no duplicate.
    elsewhere = {**row, "tools": [{"type": "function", "function": {"name": "radar"}}]}
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in (row, other, elsewhere, row)))
    prepared = prepare(DataConfig(path=str(file), split=SplitConfig(0.0, 0.0)))
    first, second, third = prepared.splits["train"]
    assert [r.reason for r in prepared.rejections] == ["duplicate_pair"]
    assert first.prompt == second.prompt != third.prompt
    assert [m.role for m in first.prompt] == ["tools", "user", "assistant", "tool"]
    assert unpack(first.prompt[2])["tool_calls"] == [{"id": "c1", **CALL}]
    assert unpack(first.prompt[3]) == {"role": "tool", "content": "rain", "name": "weather", "tool_call_id": "c1"}
    assert unpack(Message("assistant", first.chosen))["tool_calls"] == [CALL]
    assert len({p.group for p in prepared.splits["train"]}) == 1
    store_prepared(prepared, tmp_path / "cache" / "entry")
    again = load_prepared(tmp_path / "cache" / "entry")
    assert again.splits == prepared.splits
