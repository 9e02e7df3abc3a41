"""Sampling with transformers: its generation loop, and one random number of our own for each token."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from rmx.policy.engine import Drawn, Law, until_end
from rmx.policy.streams import Stream

__all__ = ["TransformersEngine"]


class TransformersEngine:
    """A causal language model in this process.

    transformers draws a whole batch from one generator, so that a completion would depend on its neighbours. Here each
    token is read off the cumulated probabilities, in the order of the vocabulary, by a number that the completion alone
    decides (inverse transform sampling). Other batches change the probabilities by rounding alone, so the token only
    where its number falls within that of a boundary: in float32 hardly ever, in bfloat16 now and then.

    Args:
        network: The model, in evaluation mode; its own generation defaults (a repetition penalty, say) are put aside.
        law: What is drawn from.
    """

    def __init__(self, network: Any, law: Law) -> None:
        self.name = f"transformers {version('transformers')}"
        self._network = network.eval()
        self._law = law
        network.generation_config = GenerationConfig(
            do_sample=False,  # the processors leave one token to take
            max_new_tokens=law.max_new_tokens,
            eos_token_id=list(law.ends),
            pad_token_id=law.ends[0],
            use_cache=True,
        )

    @torch.no_grad()
    def draw(self, prompts: Sequence[Sequence[int]], streams: Sequence[Stream]) -> list[Drawn]:
        """Return one completion for each prompt; the prompts run as one batch, padded on the left."""
        width = max(map(len, prompts))
        device = self._network.device
        ids = torch.full((len(prompts), width), self._law.ends[0])
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        found = self._network.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            logits_processor=_processors(self._law, streams, width),
        )
        return [until_end(row, self._law.ends) for row in found[:, width:].tolist()]


def _processors(law: Law, streams: Sequence[Stream], width: int) -> Any:
    found = LogitsProcessorList([_Ban(law.banned)] if law.banned else [])
    if law.temperature != 1:
        found.append(TemperatureLogitsWarper(law.temperature))
    if law.top_p < 1:
        found.append(TopPLogitsWarper(law.top_p))
    found.append(_TakeByStream(streams, width))
    return found


class _Ban(LogitsProcessor):  # type: ignore[misc]
    """Gives tokens no chance."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = torch.tensor(tokens)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores.index_fill(1, self._tokens.to(scores.device), -torch.inf)


class _TakeByStream(LogitsProcessor):  # type: ignore[misc]
    """Leaves of each row the token that its stream draws."""

    def __init__(self, streams: Sequence[Stream], width: int) -> None:
        self._streams = streams
        self._width = width

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        step = input_ids.shape[1] - self._width
        numbers = torch.tensor([s.uniform(step) for s in self._streams], dtype=torch.float64, device=scores.device)
        # Summed in float64: in float32 the sum of 50,000 chances errs by more than many of them.
        below = torch.softmax(scores.double(), 1).cumsum(1)
        taken = torch.searchsorted(below, numbers[:, None] * below[:, -1:], right=True)
        return torch.full_like(scores, -torch.inf).scatter_(1, taken, 0.0)
