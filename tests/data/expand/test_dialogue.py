import json

import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.data.expand.adapter import UnusableCell
from rmx.data.expand.dialogue import answer_text, prompt_turns, texts_field
from rmx.data.turns import split_tools, unpack
from rmx.data.validate import first_violation
from rmx.domain import Message, Origin
from rmx.errors import DataError

ORIGIN = Origin("rows.jsonl", 7)
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ASKED = {"role": "user", "content": "Rain in Bonn?"}
ARGUMENTS = {"city": "Bonn", "days": 2}
CALLING = {"role": "assistant", "content": None,
           "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}]}  # fmt: skip
ANSWERED = {"role": "tool", "content": "yes", "name": "weather"}


def sides(row, format="pairs", **config):
    (comparison,) = build_adapter(DataConfig(format=format, **config))(ORIGIN, row)
    assert comparison.problem is None, comparison.problem
    return comparison.first, comparison.second


def as_given(dialogue):
    tools, turns = split_tools(dialogue)
    return tools, [unpack(turn) for turn in turns]


FORMS = {
    "explicit prompt": {"prompt": [ASKED], "chosen": [CALLING], "rejected": [{"role": "assistant", "content": "No."}]},
    "implicit prompt": {"chosen": [ASKED, CALLING], "rejected": [ASKED, {"role": "assistant", "content": "No."}]},
    "one message": {"prompt": "Rain in Bonn?", "chosen": CALLING, "rejected": "No."},
    "repeated prompt": {"prompt": [ASKED], "chosen": [ASKED, CALLING],
                        "rejected": [ASKED, {"role": "assistant", "content": "No."}]},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("quoted", ["nothing", "tools", "messages", "arguments"])
def test_calls_and_tools_arrive_from_every_form(form, quoted):
    row = json.loads(json.dumps({**FORMS[form], "tools": TOOLS}))
    if quoted == "tools":
        row["tools"] = json.dumps(TOOLS)
    elif quoted == "messages":
        row = {k: json.dumps(v) if k != "tools" and isinstance(v, list) else v for k, v in row.items()}
    elif quoted == "arguments":
        row = json.loads(json.dumps(row).replace(json.dumps(ARGUMENTS), json.dumps(json.dumps(ARGUMENTS))))
    first, second = sides(row)
    assert as_given(first) == (TOOLS, [ASKED, CALLING])
    assert as_given(second) == (TOOLS, [ASKED, {"role": "assistant", "content": "No."}])


def test_a_comparison_takes_messages_and_whole_dialogues():
    labels = {"first": [1], "second": [2]}
    columns = {"prompt": "q", "first": "a", "second": "b", "label": "l"}
    row = {"q": [ASKED], "a": CALLING, "b": [{"role": "assistant", "content": "No."}], "l": 2, "tools": TOOLS}
    first, second = sides(row, "comparison", columns=columns, labels=labels)
    assert as_given(first) == (TOOLS, [ASKED, CALLING])
    assert second[-1] == Message("assistant", "No.")
    whole = {"a": [ASKED, CALLING], "b": [ASKED, {"role": "assistant", "content": "No."}], "l": 1, "tools": TOOLS}
    assert sides(whole, "comparison", columns={**columns, "prompt": None}, labels=labels) == (first, second)


def test_columns_filled_up_with_null_say_nothing():
    def call(arguments):
        function = {"name": "weather", "arguments": arguments}
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": None, "type": "function", "function": function}],
        }

    null = {"city": "Bonn", "unit": None}
    row = {"prompt": [{**ASKED, "tool_calls": None, "name": None}], "chosen": [call(null)], "rejected": [call("{oops")]}
    first, second = sides(row)
    assert as_given(first)[1] == [ASKED, {**CALLING, "content": "", "tool_calls": [
        {"type": "function", "function": {"name": "weather", "arguments": {"city": "Bonn"}}}]}]  # fmt: skip
    # Arguments as text are kept to the letter: a model's broken JSON is what was judged, and a null that it wrote.
    assert unpack(second[-1])["tool_calls"][0]["function"]["arguments"] == "{oops"
    row["rejected"] = [call(json.dumps(null))]
    assert unpack(sides(row)[1][-1])["tool_calls"][0]["function"]["arguments"] == null


def test_flat_calls_and_a_single_one_are_put_into_the_usual_form():
    flat = {"role": "assistant", "tool_calls": {"name": "weather", "arguments": ARGUMENTS}}
    assert as_given(sides({**FORMS["explicit prompt"], "chosen": [flat]})[0])[1][-1] == CALLING


def test_a_column_of_other_tools_can_be_named_or_left_unread():
    row = {**FORMS["explicit prompt"], "tools": "a calculator", "functions": TOOLS}
    assert as_given(sides(row, columns={"tools": "functions"})[0])[0] == TOOLS
    assert as_given(sides(row, columns={"tools": None})[0])[0] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tools": "a calculator"}, "no JSON"),
        ({"tools": {"name": "f"}}, "list of tools"),
        ({"chosen": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "without a name"),
        ({"chosen": [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": 3}]}]}, "no mapping"),
        ({"prompt": [{"role": "user", "content": None}]}, "text content"),
        ({"prompt": [{"role": "user", "content": [{"type": "image_url"}]}]}, "no text"),
    ],
)
def test_what_cannot_be_read_costs_the_row_and_says_why(changes, words):
    (comparison,) = build_adapter(DataConfig())(ORIGIN, {**FORMS["explicit prompt"], **changes})
    assert comparison.problem.reason == "malformed_dialogue"
    assert words in comparison.problem.detail
    assert first_violation(comparison)[0] == "malformed_dialogue"


@pytest.mark.parametrize(
    ("roles", "fine"),
    [
        (["user", "assistant", "tool", "assistant"], True),
        (["system", "user", "assistant", "tool", "tool", "assistant", "user", "assistant"], True),
        (["user", "tool", "assistant"], True),
        (["user", "assistant", "assistant"], False),
        (["user", "assistant", "tool", "user", "assistant"], True),
        (["user", "user", "assistant"], False),
        (["user", "tool", "user", "assistant"], False),
        (["user", "assistant", "tool"], False),
        (["tool", "assistant"], False),
        (["user", "system", "assistant"], False),
    ],
)
def test_after_a_tool_the_assistant_may_speak_again(roles, fine):
    turns = [{"role": role, "content": f"{role} {k}"} for k, role in enumerate(roles)]
    other = [*turns[:-1], {**turns[-1], "content": "another"}]
    (comparison,) = build_adapter(DataConfig())(ORIGIN, {"chosen": turns, "rejected": other})
    assert (first_violation(comparison) is None) == fine


def test_parts_of_text_are_one_text():
    parts = [{"type": "text", "text": "Rain "}, {"type": "text", "text": "in Bonn?"}]
    assert prompt_turns(ORIGIN, {"p": [{"role": "user", "content": parts}]}, "p") == (Message("user", "Rain in Bonn?"),)


def test_answers_in_lists_may_be_messages():
    row = {"answers": ["No.", CALLING, {"content": "Yes."}]}
    texts = texts_field(ORIGIN, row, "answers")
    assert (texts[0], texts[2]) == ("No.", "Yes.")
    assert unpack(Message("assistant", texts[1])) == CALLING
    assert answer_text(ORIGIN, {"a": [CALLING]}, "a", "a") == texts[1]
    with pytest.raises(UnusableCell, match="one turn of the assistant"):
        answer_text(ORIGIN, {"a": [ASKED, CALLING]}, "a", "a")


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_a_message_of_another_role_is_no_answer(role):
    said = {"role": role, "content": "Rain?"}
    with pytest.raises(UnusableCell, match=f"message 2 of column 'answers' is the {role}'s"):
        texts_field(ORIGIN, {"answers": ["No.", said]}, "answers")
    with pytest.raises(UnusableCell, match=f"message 1 of column 'a' is the {role}'s"):
        answer_text(ORIGIN, {"a": said}, "a", "a")


def test_a_path_leads_into_a_column():
    row = {"info": {"post": "Q?"}, "answers": [{"text": "a"}, {"text": "b"}], "a.b": 1, "pick": 1}
    columns = {"prompt": "info.post", "first": "answers.0.text", "second": "answers.1.text", "label": "pick"}
    first, second = sides(row, "comparison", columns=columns, labels={"first": [0], "second": [1]})
    assert (first[0].content, first[1].content, second[1].content) == ("Q?", "a", "b")
    with pytest.raises(DataError, match=r"no column 'answers\.2\.text'; set data\.columns\.second to one of info"):
        sides(row, "comparison", columns={**columns, "second": "answers.2.text"}, labels={"first": [0], "second": [1]})
