"""Dialogues with tools as chat templates render them, against the tokenizer's own `apply_chat_template`."""

import json

import pytest
from small_tokenizers import CHATML, small_tokenizer

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.chat_template import RefusedTextError
from rmx.data.prepare import prepare
from rmx.data.render import Renderer
from rmx.data.tokens import encode_pairs
from rmx.data.turns import pack, tools_turn
from rmx.domain import Message, Origin
from rmx.scorers.prompts import as_completion, as_prompt
from tool_templates import ONE_CALL, TOOLS

DECLARED = [
    {"type": "function", "function": {"name": "weather", "description": "Forecast <of> a city",
     "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
]  # fmt: skip


def call(city):
    function = {"name": "weather", "arguments": {"city": city, "days": 2, "exact": True}}
    return {"type": "function", "function": function}


DIALOGUE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Rain in Köln or in Bonn?"},
    {"role": "assistant", "content": "I look.", "tool_calls": [call("Köln"), call("Bonn")]},
    {"role": "tool", "content": "rain", "name": "weather"},
    {"role": "tool", "content": "sun", "name": "weather"},
]
ONE_AT_A_TIME = [DIALOGUE[1], {"role": "assistant", "content": None, "tool_calls": [call("Köln")]}, DIALOGUE[3]]
ENDS = [
    {"role": "assistant", "content": "In Köln."},
    {"role": "assistant", "content": None, "tool_calls": [call("Aachen")]},
    {"role": "assistant", "content": "Once more.", "tool_calls": [call("Aachen")]},
]
CASES = {"qwen": (TOOLS, "<|im_end|>", DIALOGUE), "llama": (ONE_CALL, "<|eot_id|>", ONE_AT_A_TIME)}


def prepared(tmp_path, dialogue, tools=DECLARED):
    rows = [
        {
            "prompt": dialogue,
            "chosen": [end],
            "rejected": [{"role": "assistant", "content": f"No {k}."}],
            "tools": tools,
        }
        for k, end in enumerate(ENDS)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(DataConfig(path=str(file), split=SplitConfig(0.0, 0.0))).splits["train"]


@pytest.mark.parametrize("family", CASES)
@pytest.mark.parametrize("tools", [DECLARED, None])
def test_tokens_are_those_of_the_tokenizer_itself(family, tools, tmp_path):
    template, end, dialogue = CASES[family]
    tokenizer = small_tokenizer(template, eos=end)
    pairs = prepared(tmp_path, dialogue, tools)
    encoded = encode_pairs(Renderer(tokenizer), pairs, max_length=4096, cache_dir=tmp_path / "tokens")
    assert encoded.rejections == ()
    again = encode_pairs(Renderer(tokenizer), pairs, max_length=4096, cache_dir=tmp_path / "tokens")
    for k, end_turn in enumerate(ENDS):
        text = tokenizer.apply_chat_template([*dialogue, end_turn], tools=tools, tokenize=False)
        text = text[: text.rindex(end) + len(end)]
        expected = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert encoded.store.ids(int(encoded.chosen[k])).tolist() == expected
        assert again.store.ids(int(again.chosen[k])).tolist() == expected
        assert "Aachen" in text or k == 0


@pytest.mark.parametrize("family", CASES)
def test_the_exported_template_renders_the_same_text(family):
    template, end, dialogue = CASES[family]
    tokenizer = small_tokenizer(template, eos=end)
    renderer = Renderer(tokenizer)
    closed = renderer.closed_template
    for last in ENDS:
        plain = tokenizer.apply_chat_template([*dialogue, last], tools=DECLARED, chat_template=closed, tokenize=False)
        row = {"prompt": dialogue, "completion": last, "tools": DECLARED}
        origin = Origin("rows", 1)
        text = renderer.render(as_prompt(row, "prompt", origin), as_completion(row, "completion", origin))
        assert text == plain
        assert text.endswith(end)
        assert text.count("weather") >= 2


def test_a_row_to_score_is_the_text_that_was_trained(tmp_path):
    pairs = prepared(tmp_path, DIALOGUE)
    row = {"prompt": json.dumps(DIALOGUE), "completion": ENDS[1], "tools": json.dumps(DECLARED)}
    origin = Origin("rows", 1)
    assert as_prompt(row, "prompt", origin) == pairs[1].prompt
    assert as_completion(row, "completion", origin) == pairs[1].chosen
    # And so does the form in which files of rmx's own hold it.
    own = {"prompt": [m._asdict() for m in pairs[1].prompt], "completion": pairs[1].chosen}
    assert as_prompt(own, "prompt", origin) == pairs[1].prompt
    assert as_completion(own, "completion", origin) == pairs[1].chosen


def test_a_template_that_leaves_out_tools_or_calls_is_no_silent_loss():
    renderer = Renderer(small_tokenizer(CHATML))
    asked = Message("user", "Rain?")
    with pytest.raises(RefusedTextError, match="leaves out the tools"):
        renderer.render((tools_turn(DECLARED), asked), "No.")
    with pytest.raises(RefusedTextError, match="leaves out calls"):
        renderer.render((asked,), pack("Hm.", {"tool_calls": [call("Bonn")]}))
    assert "No." in renderer.render((asked,), "No.")


def test_a_template_that_wants_text_gets_an_empty_one_for_a_silent_call():
    # As early templates of Qwen 3 do, which look for the end of thoughts in every content.
    picky = TOOLS.replace("{% if m.content %}", "{% if '</think>' in m.content %}{% endif %}{% if m.content %}")
    silent = pack(None, {"tool_calls": [call("Bonn")]})
    asked = (Message("user", "Rain?"),)
    expected = Renderer(small_tokenizer(TOOLS)).render(asked, silent)
    assert Renderer(small_tokenizer(picky)).render(asked, silent) == expected


def test_what_the_template_refuses_leaves_with_the_reason():
    renderer = Renderer(small_tokenizer(ONE_CALL, eos="<|eot_id|>"))
    two = pack(None, {"tool_calls": [call("Bonn"), call("Köln")]})
    with pytest.raises(RefusedTextError, match="single tool-calls"):
        renderer.render((Message("user", "Rain?"),), two)


@pytest.mark.parametrize("where", ["arguments", "tools", "answer"])
def test_a_control_token_inside_is_found(where):
    renderer = Renderer(small_tokenizer(TOOLS))
    bad = 'a"<|im_end|>'
    prompt = [Message("user", "Rain?")]
    completion = "No."
    if where == "arguments":
        completion = pack(None, {"tool_calls": [call(bad)]})
    elif where == "tools":
        prompt = [tools_turn([{"type": "function", "function": {"name": bad}}]), *prompt]
    else:
        prompt += [Message("assistant", "I look."), Message("tool", pack(bad, {"name": "weather"}))]
    with pytest.raises(RefusedTextError, match=r"control token <\|im_end\|>"):
        renderer.render(prompt, completion)
