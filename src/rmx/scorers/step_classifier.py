"""A token classifier that scores the steps of completions (a process reward model)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch.nn.utils.rnn import pad_sequence

from rmx.data.chat_template import ChatTemplate, RefusedTextError
from rmx.data.control_tokens import ControlTokens
from rmx.data.files import content_hash
from rmx.data.turns import packed
from rmx.domain import Candidate
from rmx.errors import ModelError
from rmx.model.model_config import context_length
from rmx.model.quiet import quiet_loading
from rmx.model.source import locate
from rmx.model.tokenizer import read_tokenizer
from rmx.scorers.base import Scored
from rmx.scorers.process import Aggregate, aggregated
from rmx.scorers.reward_model import place

__all__ = ["StepClassifier"]


class StepClassifier:
    """Prompt, then each step and its separator; a step's score is that of its separator's last token.

    Prompt, steps and separators are tokenised by themselves. Where the separator is a special token, that is how the
    whole text would be tokenised too.

    Args:
        source: Directory or hub id of a `TokenClassification` model.
        aggregate: How step scores become a reward.
        split: What stands between the steps of a completion.
        separator: What is written after each step.
        form: `conversational`, `standard` or `auto`.
        label: The label whose probability is a step's score; of a model of one label it is the logit's sigmoid.
        device: Where it runs; None takes a GPU if there is one.
        max_tokens: Tokens of a padded batch.

    Raises:
        ModelError: It cannot be read, or has no such label.
    """

    def __init__(
        self,
        source: str,
        aggregate: Aggregate,
        *,
        split: str,
        separator: str,
        form: str,
        label: int,
        device: str | None,
        max_tokens: int,
    ) -> None:
        directory = locate(source, key="reward").path
        self.tokenizer = read_tokenizer(directory, needs_template=form == "conversational")
        self.template = None if form == "standard" or not self.tokenizer.chat_template else ChatTemplate(self.tokenizer)
        self.network = _token_classifier(directory).to(place(device)).eval()
        self.labels = int(self.network.config.num_labels)
        if self.labels > 1 and label >= self.labels:
            raise ModelError(
                f"{directory}: has {self.labels} labels, numbered from 0; mend scorer.process.label={label}"
            )
        self.aggregate: Aggregate = aggregate
        self.split, self.label, self.max_tokens = split, label, max_tokens
        self.max_length = context_length(self.network.config)
        self._control = ControlTokens(self.tokenizer, {})
        self._separator = self._ids(separator)
        form = "standard" if self.template is None else "conversational"
        weights = content_hash(sorted(directory.glob("*.safetensors")))
        described = repr((str(directory), weights, aggregate, split, separator, form, label)).encode()
        self.identity = f"steps/{hashlib.sha256((directory / 'config.json').read_bytes() + described).hexdigest()[:16]}"
        self.flags = (
            f"steps are what {split!r} separates in a completion, each followed by {separator!r}; prompts are {form}: "
            "none of it is saved with the model",
        )

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the rewards of n candidates; one without steps, too long or not to be rendered has a reason."""
        values = np.full(len(candidates), np.nan)
        reasons: dict[int, str] = {}
        sequences: dict[int, tuple[list[int], list[int]]] = {}
        for number, candidate in enumerate(candidates):
            try:
                ids, ends = self._render(candidate)
            except RefusedTextError as refused:
                reasons[number] = f"{refused.problem.reason}: {refused.problem.detail}"
                continue
            if not ends:
                reasons[number] = "no_steps: the completion holds nothing"
            elif len(ids) > self.max_length:
                reasons[number] = f"over_length: {len(ids):,} tokens, the model reads {self.max_length:,}"
            else:
                sequences[number] = ids, ends
        batch: list[int] = []
        for number in sorted(sequences, key=lambda i: len(sequences[i][0])):
            if batch and (len(batch) + 1) * len(sequences[number][0]) > self.max_tokens:
                self._run(batch, sequences, values)
                batch = []
            batch.append(number)
        if batch:
            self._run(batch, sequences, values)
        return Scored(values, reasons)

    def _run(
        self, batch: Sequence[int], sequences: dict[int, tuple[list[int], list[int]]], values: NDArray[np.float64]
    ) -> None:
        ids = pad_sequence([torch.tensor(sequences[i][0]) for i in batch], batch_first=True)
        mask = pad_sequence([torch.ones(len(sequences[i][0]), dtype=torch.int64) for i in batch], batch_first=True)
        device = self.network.device
        with torch.no_grad():
            logits = self.network(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float().cpu()
        scores = logits[..., 0].sigmoid() if self.labels == 1 else logits.softmax(-1)[..., self.label]
        for row, number in enumerate(batch):
            steps = scores[row, sequences[number][1]].numpy().astype(np.float64)
            values[number] = aggregated(steps, self.aggregate)

    def _render(self, candidate: Candidate) -> tuple[list[int], list[int]]:
        """Return the token ids, and where each step's separator ends."""
        self._control.check_prompt(candidate.prompt)
        if packed(candidate.completion):
            raise RefusedTextError("malformed_dialogue", "the completion is no text, which has no steps")
        if wrong := self._control.check(candidate.completion):
            raise RefusedTextError("invalid_text", f"the completion {wrong}")
        if self.template is not None:
            ids = self._ids(self.template.apply(candidate.prompt, generation_prompt=True))
        elif len(candidate.prompt) == 1:
            begin = self.tokenizer.bos_token_id
            ids = [*([] if begin is None else [begin]), *self._ids(candidate.prompt[0].content)]
        else:
            raise RefusedTextError("malformed_dialogue", f"a standard prompt has one turn, not {len(candidate.prompt)}")
        ends = []
        for step in filter(str.strip, candidate.completion.split(self.split)):
            ids += [*self._ids(step), *self._separator]
            ends.append(len(ids) - 1)
        return ids, ends

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids


def _token_classifier(directory: Path) -> Any:
    from transformers import AutoModelForTokenClassification

    try:
        with quiet_loading():
            network, report = AutoModelForTokenClassification.from_pretrained(
                directory, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{directory}: the token classifier cannot be loaded ({reason}); fetch it again") from error
    if absent := sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"]):
        raise ModelError(
            f"{directory}: {len(absent)} weights are missing, first {absent[0]}; "
            "scorer=process wants a TokenClassification model, for one score a completion give scorer=hf"
        )
    return network
