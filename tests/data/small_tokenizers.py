"""Small tokenizers, chat templates and pairs for the tests of rendering."""

from __future__ import annotations

from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from rmx.domain import Message, Origin, PreferencePair

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
DATED = "{{ bos_token + 'Today Date: ' + strftime_now('%d %b %Y') + '\n' }}" + LLAMA3.removeprefix("{{ bos_token }}")
PLAIN = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
THINKING = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}{% endif %}"
)
REWRITING = "{{ '<|im_start|>' + messages | length | string }}" + CHATML
"""Opens a prompt otherwise once it is answered: nothing before the completion is shared."""

SPECIALS = ("<|begin|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|im_start|>", "<|im_end|>")
_SAMPLE = ["A sample of text: the tokenizer should merge the common words of the text, and the spaces.\n\n"] * 3


def small_tokenizer(
    template: str | None = CHATML,
    *,
    eos: str | None = "<|im_end|>",
    style: str = "bytes",
    adds_bos: bool = False,
    normalized: bool = False,
    rstrip: bool = False,
    longer: str | None = None,
) -> Any:
    """A small trained BPE: `bytes` as in GPT-2, or `words` that marks the starts of words as SentencePiece does."""
    core = Tokenizer(models.BPE(unk_token=None if style == "bytes" else "<unk>"))
    if style == "bytes":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        alphabet = [chr(i) for i in range(33, 127)]
    if normalized:
        core.normalizer = normalizers.NFKC()
    first = [] if style == "bytes" else ["<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, special_tokens=first, show_progress=False)
    core.train_from_iterator(_SAMPLE, trainer)
    core.add_special_tokens([AddedToken(t, special=True, normalized=normalized, rstrip=rstrip) for t in SPECIALS])
    if longer:
        core.add_tokens([AddedToken(longer, normalized=False)])
    bos = core.token_to_id("<|begin|>")
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(
            single="<|begin|> $A", pair="<|begin|> $A $B", special_tokens=[("<|begin|>", bos)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<|begin|>", eos_token=eos, unk_token="<unk>" if first else None,
        chat_template=template,
    )  # fmt: skip


def make_pair(number: int, prompt: str = "What now?", chosen: str = "This.", rejected: str = "That.") -> PreferencePair:
    """One pair with a single user turn."""
    return PreferencePair(
        f"p{number}", (Message("user", prompt),), chosen, rejected, Origin("pairs.jsonl", number), group=prompt
    )
