"""Each trap of a chat template is found, and a sound template is left in peace."""

from __future__ import annotations

from typing import Any

import pytest
from small_tokenizers import CHATML, DATED, LLAMA3, PLAIN, REWRITING, THINKING, small_tokenizer

from rmx.data.lint import check_renderer, lint
from rmx.data.render import Renderer
from rmx.errors import ModelError

LLAMA = {"template": LLAMA3, "eos": "<|eot_id|>"}
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + LLAMA3
UNOPENED = LLAMA3.partition("{% if add_generation_prompt %}")[0]
DATE_FOR_TOOLS = "{% if tools %}{{ strftime_now('%d') }}{% endif %}" + LLAMA3
DATE_COMPUTED = "{% if strftime_now('%Y') | int > 2020 %}{{ 'Late. ' }}{% endif %}" + LLAMA3
RANDOM = LLAMA3 + "{{ range(99999) | random }}"


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        (LLAMA, []),
        ({**LLAMA, "template": NO_SYSTEM}, []),
        ({}, [("terminal_not_last", "note")]),
        ({**LLAMA, "template": DATED}, [("date", "error")]),
        ({**LLAMA, "template": DATE_COMPUTED}, [("date", "error")]),
        ({**LLAMA, "template": DATE_FOR_TOOLS}, [("date", "warning")]),
        ({**LLAMA, "template": RANDOM}, [("non_deterministic", "error")]),
        ({**LLAMA, "template": "{{ bos_token }}" + LLAMA3}, [("double_bos", "error")]),
        ({**LLAMA, "adds_bos": True}, [("double_bos", "note")]),
        ({"adds_bos": True}, [("missing_bos", "warning"), ("terminal_not_last", "note")]),
        ({"template": LLAMA3}, [("terminal_appended", "warning")]),
        ({"template": PLAIN}, [("terminal_appended", "warning")]),
        ({"template": THINKING}, [("not_prefix_consistent", "warning"), ("terminal_not_last", "note")]),
        ({"template": REWRITING}, [("not_prefix_consistent", "warning"), ("terminal_not_last", "note")]),
        ({**LLAMA, "template": UNOPENED}, [("no_generation_prompt", "warning")]),
    ],
)
def test_findings(tokenizer: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    findings = lint(Renderer(small_tokenizer(**tokenizer)))
    assert [(f.code, f.severity) for f in findings] == expected
    assert not any("\n" in f.message for f in findings)


def test_an_ordinary_token_cannot_be_terminal() -> None:
    findings = lint(Renderer(small_tokenizer(), terminal="!"))
    assert [f.code for f in findings if f.severity == "error"] == ["terminal_not_special"]


def test_the_token_that_closes_turns_is_proposed() -> None:
    (finding,) = lint(Renderer(small_tokenizer(LLAMA3)))
    assert "set model.terminal='<|eot_id|>'" in finding.message


def test_pad_that_is_the_end_is_a_note(smollm2: Any) -> None:
    findings = {f.code: f.severity for f in lint(Renderer(smollm2))}
    assert findings == {"terminal_not_last": "note", "pad_is_terminal": "note"}


def test_errors_stop_and_the_rest_is_told() -> None:
    with pytest.raises(ModelError, match=r"today's date.*set model\.chat_template") as refused:
        check_renderer(Renderer(small_tokenizer(DATED, eos="<|eot_id|>")))
    assert "\n" not in str(refused.value)
    assert [f.code for f in check_renderer(Renderer(small_tokenizer(CHATML)))] == ["terminal_not_last"]
