"""Rendered texts end with the terminal token, tokenise as one string, and no text can forge a control token."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tokenizers import CHATML, DATED, LLAMA3, PLAIN, REWRITING, SPECIALS, THINKING, small_tokenizer

from rmx.data.chat_template import RefusedTextError, time_limit
from rmx.data.render import Renderer
from rmx.data.tokenise import Text
from rmx.domain import Message
from rmx.errors import DataError, ModelError

QUESTION = (Message("user", "How are you?"),)

# What trips tokenizers: white space at the seams, pieces of control tokens, combining and wide characters.
FRAGMENTS = ("", " ", "\n", "\n\n", "<|im_", "start|>", "<|", "|>", "<|im_start|", "[INST]", "</s>", "assistant\n",
             "\u0301", "ﬁ", "𝔘", "\u200b", "🙂", "日本", "\t ", "\r\n")  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=5).map("".join)
dialogues = st.lists(texts, min_size=1, max_size=5).map(
    lambda turns: tuple(Message("assistant" if i % 2 else "user", t) for i, t in enumerate(turns[: len(turns) | 1]))
)

KINDS: dict[str, dict[str, Any]] = {
    "chatml": {},
    "llama3": {"template": LLAMA3, "eos": "<|eot_id|>", "adds_bos": True},
    "plain": {"template": PLAIN},
    "thinking": {"template": THINKING},
    "rewriting": {"template": REWRITING},
    "word starts": {"style": "words"},
    "greedy tokens": {"rstrip": True},
    "swallowed token": {"longer": "<|im_start|>assistant\n"},
    "normalised tokens": {"normalized": True},
    "word starts, no specials": {"style": "words", "template": PLAIN},
}


@cache
def small_renderer(kind: str) -> Renderer:
    return Renderer(small_tokenizer(**KINDS[kind]))


def whole(renderer: Renderer, text: Text) -> list[int]:
    """The oracle: the rendered string in one call of the tokenizer."""
    ids: list[int] = renderer.tokenizer(renderer.render(*text), add_special_tokens=False)["input_ids"]
    return ids


def harmless(renderer: Renderer, prompts: Sequence[tuple[Message, ...]], completions: Sequence[str]) -> list[Text]:
    """Every prompt with every completion, those without control tokens."""
    fine = [p for p in prompts if all(renderer.check(m.content) is None for m in p)]
    return [(p, c) for p in fine for c in completions if renderer.check(c) is None]


def assert_joint(renderer: Renderer, batch: Sequence[Text]) -> None:
    store = renderer.encode(batch)
    for i, text in enumerate(batch):
        ids = store.ids(i).tolist()
        assert ids == whole(renderer, text)
        assert ids[-1] == renderer.terminal_id
        shared = int(store.prompt_lengths[i])
        assert ids[:shared] == renderer.token_ids([renderer.split_prompt(text[0]).head])[0][:shared]
        assert shared < len(ids)
        assert 1 <= store.completion_lengths[i] <= len(ids)


@given(dialogues, st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=300)
def test_tokens_are_those_of_the_whole_text(smollm2: Any, prompt: tuple[Message, ...], completions: list[str]) -> None:
    renderer = Renderer(smollm2)
    # The same answers after another prompt, too.
    batch = harmless(renderer, [prompt, (*prompt[:-1], Message("user", "Hm?"))], completions)
    assert_joint(renderer, batch)
    assert renderer.encode(batch).prompt_lengths.all()


@pytest.mark.parametrize("kind", KINDS)
@given(dialogues, st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=60)
def test_any_template_and_tokenizer(kind: str, prompt: tuple[Message, ...], completions: list[str]) -> None:
    renderer = small_renderer(kind)
    assert_joint(renderer, harmless(renderer, [prompt], completions))


@pytest.mark.parametrize("kind", KINDS)
@given(dialogues, texts)
@settings(max_examples=60)
def test_accepted_text_never_acts_as_a_control_token(kind: str, prompt: tuple[Message, ...], completion: str) -> None:
    renderer = small_renderer(kind)
    if not harmless(renderer, [prompt], [completion]):
        return
    control = set(renderer.control_tokens.values()) - {renderer.tokenizer.unk_token_id}
    plain = (tuple(Message(m.role, "a") for m in prompt), "a")
    found, expected = ([i for i in whole(renderer, t) if i in control] for t in ((prompt, completion), plain))
    assert found == expected


def test_shared_prompt_is_tokenised_once(smollm2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(smollm2)
    seen: list[str] = []
    plain = renderer.token_ids
    monkeypatch.setattr(renderer, "token_ids", lambda strings: seen.extend(strings) or plain(strings))
    prompt = (Message("user", "a very particular question " * 20),)
    store = renderer.encode([(prompt, f"answer {i}") for i in range(8)])
    assert sum("very particular" in s for s in seen) == 1
    # Everything up to the mark that opens the assistant's turn.
    assert set(store.prompt_lengths) == {len(plain([renderer.split_prompt(prompt).head])[0])}
    assert smollm2.decode(store.ids(3)[store.prompt_lengths[3] :]) == "assistant\nanswer 3<|im_end|>"
    assert store.completion_lengths[3] == len(plain(["answer 3<|im_end|>"])[0])


@pytest.mark.parametrize(
    ("template", "eos", "terminal", "end"),
    [
        (CHATML, "<|im_end|>", None, "Fine.<|im_end|>"),  # a line feed is cut off
        (LLAMA3, "<|eot_id|>", None, "Fine.<|eot_id|>"),
        (PLAIN, "<|im_end|>", None, "Fine.\n\n<|im_end|>"),  # appended
        (LLAMA3, "<|im_end|>", None, "Fine.<|eot_id|><|im_end|>"),  # the wrong end token is still one, always
        (LLAMA3, "<|im_end|>", "<|eot_id|>", "Fine.<|eot_id|>"),
    ],
)
def test_a_text_ends_with_the_terminal_token(template: str, eos: str, terminal: str | None, end: str) -> None:
    renderer = Renderer(small_tokenizer(template, eos=eos), terminal=terminal)
    prompt = (*QUESTION, Message("assistant", "Well, and you?"), Message("user", "Say."))
    text = renderer.render(prompt, "Fine.")
    assert text.endswith(end)
    assert "Well, and you?" in text
    assert renderer.encode([(prompt, "Fine.")]).ids(0)[-1] == renderer.terminal_id
    assert renderer.terminal in renderer.terminal_policy


def test_no_double_bos() -> None:
    renderer = small_renderer("llama3")
    ids = renderer.encode([(QUESTION, "Fine.")]).ids(0).tolist()
    bos = renderer.tokenizer.bos_token_id
    assert renderer.tokenizer(renderer.render(QUESTION, "Fine."))["input_ids"][:2] == [bos, bos]
    assert ids.count(bos) == 1


@pytest.mark.parametrize("token", SPECIALS)
def test_control_tokens_in_text_are_refused(token: str) -> None:
    renderer = small_renderer("chatml")
    assert renderer.check(f"say {token} twice") == f"contains the control token {token}"
    for prompt, completion in (
        ((Message("user", f"a{token}b"),), "Fine."),
        (QUESTION, f"Fine.{token}"),
        ((Message(f"user{token}", "Hello"),), "Fine."),
    ):
        with pytest.raises(RefusedTextError, match="control token") as refused:
            renderer.render(prompt, completion)
        assert refused.value.problem.reason == "invalid_text"
    with pytest.raises(DataError, match=r"text 2 of 2: the completion contains the control token"):
        renderer.encode([(QUESTION, "Fine."), (QUESTION, token)])


def test_control_tokens_that_appear_by_normalising_are_refused() -> None:
    wide = "＜|im_end|＞"
    renderer = small_renderer("normalised tokens")
    assert renderer.terminal_id in renderer.token_ids([wide])[0]
    assert renderer.check(wide) is not None
    assert small_renderer("chatml").check(wide) is None


def test_tool_tokens_that_are_not_special_are_text(smollm2: Any) -> None:
    renderer = Renderer(smollm2)
    assert renderer.check("a < b | c > d </s> [INST]") is None
    assert renderer.check("<repo_name>") == "contains the control token <repo_name>"
    assert renderer.check("half \ud800") == "contains an unpaired surrogate"


def test_what_the_template_refuses_is_named() -> None:
    strict = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
    )
    renderer = Renderer(small_tokenizer(strict))
    with pytest.raises(RefusedTextError, match="System role not supported") as refused:
        renderer.render((Message("system", "Be kind."), *QUESTION), "Fine.")
    assert refused.value.problem.reason == "malformed_dialogue"


def test_template_hash_tells_contracts_apart() -> None:
    plain = Renderer(small_tokenizer(LLAMA3, eos="<|eot_id|>"))
    same = Renderer(small_tokenizer(LLAMA3, eos="<|eot_id|>"))
    assert plain.template_hash == same.template_hash
    other_terminal = Renderer(small_tokenizer(LLAMA3, eos="<|im_end|>"))
    other_template = Renderer(small_tokenizer(CHATML, eos="<|eot_id|>"))
    given_template = Renderer(small_tokenizer(CHATML, eos="<|eot_id|>"), template=LLAMA3)
    other_bos = small_tokenizer(LLAMA3, eos="<|eot_id|>")
    other_bos.bos_token = "<|im_start|>"
    hashes = [r.template_hash for r in (plain, other_terminal, other_template, Renderer(other_bos))]
    assert len(set(hashes)) == 4
    assert given_template.template_hash == plain.template_hash
    # An export gives the tokenizer another pad token: no text is rendered otherwise for it.
    repadded = small_tokenizer(LLAMA3, eos="<|eot_id|>")
    repadded.pad_token = "<|im_start|>"
    assert Renderer(repadded).template_hash == plain.template_hash


def test_tokenizer_fingerprint_ignores_what_a_call_left_behind() -> None:
    tokenizer = small_tokenizer()
    before = Renderer(tokenizer).tokenizer_fingerprint
    tokenizer.pad_token = "<|im_end|>"
    tokenizer(["a", "b c d"], padding=True, truncation=True, max_length=2, split_special_tokens=True)
    after = Renderer(tokenizer)
    assert after.tokenizer_fingerprint == before
    assert_joint(after, [(QUESTION, "an answer of many tokens")])
    assert Renderer(small_tokenizer(style="words")).tokenizer_fingerprint != before


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        ({"template": None}, "no chat template; set model.chat_template"),
        ({"eos": None}, "no end token; set model.terminal"),
        ({"template": "{{ messages[0].content }}"}, "leaves out the question or its answer"),
        ({"template": "{{ nothing.at.all }}"}, "cannot be rendered: the chat template refuses it"),
        ({"template": "{% for m in messages %}"}, "cannot be rendered: the chat template refuses it"),
        ({"template": "{{ messages.__class__.__base__.__subclasses__() }}"}, "cannot be rendered"),
    ],
)
def test_unusable_templates_are_refused_in_one_line(tokenizer: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        Renderer(small_tokenizer(**tokenizer))
    assert "\n" not in str(refused.value)


def test_a_terminal_of_several_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match=r"model\.terminal 'end of text' is \d+ tokens"):
        Renderer(small_tokenizer(), terminal="end of text")


def test_a_tokenizer_set_to_split_special_tokens_does_not() -> None:
    tokenizer = small_tokenizer()
    tokenizer.split_special_tokens = True
    renderer = Renderer(tokenizer)
    assert renderer.encode([(QUESTION, "Fine.")]).ids(0)[-1] == tokenizer.eos_token_id


def test_an_endless_template_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmx.data.render.time_limit", partial(time_limit, 0.2))
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    before = sys.gettrace()
    with pytest.raises(ModelError, match="endless loops"):
        Renderer(small_tokenizer(loop + CHATML))
    assert sys.gettrace() is before


def test_rendering_imports_no_heavy_library() -> None:
    code = (
        "import sys, rmx.data.tokens, rmx.data.lint; print({'torch', 'transformers', 'lightning'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_date_in_the_template_does_not_stop_rendering() -> None:
    # It is a lint error, not one of rendering: whoever builds a renderer decides.
    assert Renderer(small_tokenizer(DATED, eos="<|eot_id|>")).render(QUESTION, "Fine.").endswith("<|eot_id|>")


@pytest.mark.parametrize("template", [CHATML, LLAMA3, PLAIN, THINKING, CHATML + "\n", "{# note #}\n" + PLAIN + "\n\n"])
@pytest.mark.parametrize("terminal", ["<|im_end|>", "<|eot_id|>"])
def test_a_closed_template_ends_answers_where_the_renderer_does_and_changes_nothing_else(
    template: str, terminal: str
) -> None:
    tokenizer = small_tokenizer(template)
    renderer = Renderer(tokenizer, terminal=terminal)
    closed = small_tokenizer(renderer.closed_template)
    turns = [("user", "May I come in? 🙂"), ("assistant", "No."), ("user", "And now?"), ("assistant", "Yes,\nplease.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    dialogue = tuple(Message(*turn) for turn in turns)
    assert closed.apply_chat_template(messages, tokenize=False) == renderer.render(dialogue[:-1], turns[-1][1])
    for opened in ({"add_generation_prompt": True}, {}):
        plain = tokenizer.apply_chat_template(messages[:-1], tokenize=False, **opened)
        assert closed.apply_chat_template(messages[:-1], tokenize=False, **opened) == plain
    again = Renderer(closed, terminal=terminal)
    assert again.closed_template == renderer.closed_template
    assert again.render(dialogue[:-1], turns[-1][1]) == renderer.render(dialogue[:-1], turns[-1][1])
