"""A causal language model of transformers as a judge."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from rmx.data.chat_template import ChatTemplate, RefusedTextError
from rmx.data.files import content_hash
from rmx.domain import Message
from rmx.errors import ModelError
from rmx.model.model_config import context_length
from rmx.model.quiet import quiet_loading
from rmx.model.source import locate
from rmx.model.tokenizer import read_tokenizer
from rmx.scorers.judge_question import Reply
from rmx.scorers.reward_model import place

__all__ = ["LocalModel"]

_LIKELIEST = 20
"""Tokens whose log-probabilities a reply keeps, as many as of an endpoint."""


class LocalModel:
    """Replies greedily, one question at a time, with the tokenizer's chat template.

    Args:
        source: Directory or hub id.
        device: Where it runs; None takes a GPU if there is one.
        tokens: Most tokens of a reply.

    Raises:
        ModelError: It cannot be read, or lacks its language-model head.
    """

    def __init__(self, source: str, *, device: str | None, tokens: int) -> None:
        directory = locate(source, key="reward").path
        self.tokens = tokens
        self.tokenizer = read_tokenizer(directory)
        self.template = ChatTemplate(self.tokenizer)
        self.network: Any = _causal_model(directory).to(place(device)).eval()
        self.max_length = context_length(self.network.config)
        # What was trained anew in the same place says something else.
        weights = content_hash(sorted(directory.glob("*.safetensors")))
        described = repr((str(directory), tokens, weights, self.tokenizer.chat_template)).encode()
        self.identity = f"local/{hashlib.sha256((directory / 'config.json').read_bytes() + described).hexdigest()[:16]}"

    def ask(self, question: str) -> Reply:
        """Return the model's reply.

        A question that cannot be rendered or is too long has a problem in place of a reply.
        """
        try:
            text = self.template.apply([Message("user", question)], generation_prompt=True)
        except RefusedTextError as refused:
            return Reply("", problem=f"{refused.problem.reason}: {refused.problem.detail}")
        batch = self.tokenizer(text, add_special_tokens=False, return_tensors="pt").to(self.network.device)
        length = batch["input_ids"].shape[1] + self.tokens
        if length > self.max_length:
            return Reply(
                "", problem=f"over_length: {length:,} tokens with the reply, the judge reads {self.max_length:,}"
            )
        with torch.no_grad():
            made: Any = self.network.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=self.tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.eos_token_id,
                return_dict_in_generate=True,
                output_logits=True,
            )
        reply = made.sequences[0, batch["input_ids"].shape[1] :]
        logprobs = []
        for step in made.logits:
            top = torch.log_softmax(step[0].float(), -1).topk(_LIKELIEST)
            logprobs.append(
                {
                    self.tokenizer.decode([int(i)]): float(v)
                    for v, i in reversed(list(zip(top.values, top.indices, strict=True)))
                }
            )
        return Reply(self.tokenizer.decode(reply, skip_special_tokens=True), tuple(logprobs))


def _causal_model(directory: Path) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        with quiet_loading():
            network, report = AutoModelForCausalLM.from_pretrained(
                directory, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{directory}: the language model cannot be loaded ({reason}); fetch it again") from error
    if absent := sorted(report["missing_keys"]):
        raise ModelError(
            f"{directory}: {len(absent)} weights are missing, first {absent[0]}; give a causal language model"
        )
    return network
