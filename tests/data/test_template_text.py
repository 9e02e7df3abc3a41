"""Chat templates as text, against the tokenizer that is given the same values as arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tokenizers import CHATML, small_tokenizer

from rmx.data.render import Renderer
from rmx.data.template_text import set_variables, token_variables
from tool_templates import TOOLS

TOKENIZER = small_tokenizer()
PROMPT = [{"role": "user", "content": "What now?"}]
ECHO = "{{ value | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}"
INDENTED = (
    "    {% if mode is defined %}{{ mode }}: {% endif %}{% for m in messages %}\n  {{ m.content }}\n{% endfor %}\n"
)
MACRO = (
    "{%- macro turn(m) -%}{% if mode == 'loud' %}{{ m.content | upper }}{% else %}{{ m.content }}{% endif %}"
    "{%- endmacro -%}{%- set mode = mode | default('soft') -%}{% for m in messages %}{{ turn(m) }}{% endfor %}"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_value_reaches_the_template_as_an_argument_would(value):
    expected = TOKENIZER.apply_chat_template(PROMPT, chat_template=ECHO, tokenize=False, value=value)
    template = set_variables(ECHO, {"value": value})
    assert TOKENIZER.apply_chat_template(PROMPT, chat_template=template, tokenize=False) == expected


@pytest.mark.parametrize("template", [TOOLS, INDENTED, MACRO, CHATML])
@pytest.mark.parametrize("values", [{"enable_thinking": False}, {"mode": "loud"}, {"mode": 'a"\n'}])
def test_templates_render_as_with_arguments_whoever_applies_them(template, values):
    tokenizer = small_tokenizer(template)

    def rendered(**arguments):
        return [
            tokenizer.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=opened, **arguments)
            for opened in (False, True)
        ]

    expected = rendered(**values)
    tokenizer.chat_template = set_variables(template, values)
    assert rendered() == expected
    assert rendered(**dict.fromkeys(values, "of somebody else")) == expected


def test_values_are_part_of_the_hash_and_of_the_exported_template():
    plain, without = (
        Renderer(small_tokenizer(set_variables(TOOLS, values))) for values in ({}, {"enable_thinking": False})
    )
    assert set_variables(TOOLS, {}) == TOOLS
    assert plain.template_hash != without.template_hash
    opened = without.tokenizer.apply_chat_template(
        PROMPT, chat_template=without.closed_template, tokenize=False, add_generation_prompt=True
    )
    assert opened.endswith("<think>\n\n</think>\n\n")


def test_tokens_asked_for_by_name_are_known():
    assert token_variables("{{ bos_token }}{{ no_bos_tokens }}{{ eos_token }}") == {"bos_token", "eos_token"}
