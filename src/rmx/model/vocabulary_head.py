"""The language-model head: log-probabilities of given next tokens, never all logits at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rmx.errors import ModelError

__all__ = ["VocabularyHead", "vocabulary_head"]

_TRIAL = (1, 2, 3, 4)
"""Tokens on which a head is tried."""

_CELLS = 1 << 24
"""Most logits at a time, 64 MiB in float32: the backward holds about three times as much."""


class VocabularyHead(nn.Module):
    """Projects hidden states onto the vocabulary in float32, whatever the backbone's dtype and the autocast around it.

    Logits in bfloat16 would be wrong by up to 0.06 where they are near 20, in every token of a sum over all of them.
    """

    def __init__(self, output: nn.Linear, *, softcap: float | None = None, cells: int = _CELLS) -> None:
        """Wrap the output embeddings.

        Args:
            output: The projection (vocabulary, hidden) of a causal LM; its weight may be the input embeddings' own.
            softcap: Bound of the logits by its tanh (Gemma 2, arXiv:2408.00118); None for none.
            cells: Most logits that are held at a time.
        """
        super().__init__()
        self.output = output
        self.softcap = softcap
        self.cells = cells

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """Return float32 log-probabilities (m,).

        Logits are made for a part of the rows at a time, and again in the backward.

        Args:
            states: Hidden states (m, hidden), each of the token before the target.
            targets: int64 (m,): the next tokens.
        """
        if not len(targets):
            return states.float().sum(-1)  # nothing, yet on the graph
        rows = max(1, self.cells // self.output.weight.shape[0])
        parts = zip(torch.split(states, rows), torch.split(targets, rows), strict=True)
        with torch.autocast(states.device.type, enabled=False):
            if not torch.is_grad_enabled():
                return torch.cat([self._log_probs(s, t) for s, t in parts])
            return torch.cat([checkpoint(self._log_probs, s, t, use_reentrant=False) for s, t in parts])

    def _log_probs(self, states: Tensor, targets: Tensor) -> Tensor:
        bias = None if self.output.bias is None else self.output.bias.float()
        logits = nn.functional.linear(states.float(), self.output.weight.float(), bias)
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        return -nn.functional.cross_entropy(logits, targets, reduction="none")


def vocabulary_head(network: Any) -> VocabularyHead:
    """Return the head of a causal LM of transformers, tried against the model's own logits; weights stay shared.

    Raises:
        ModelError: The model is not causal, or does more than project and cap.
    """
    config = network.config.get_text_config()
    output = network.get_output_embeddings()
    if not isinstance(output, nn.Linear):
        raise ModelError(f"{config.model_type}: it has no linear language-model head; choose another model.source")
    head = VocabularyHead(output, softcap=getattr(config, "final_logit_softcapping", None))
    was_training, before = network.training, network.config._attn_implementation
    network.eval()
    ids = torch.tensor([_TRIAL], device=network.device)
    try:
        # Whatever device the configured implementation is for.
        network.set_attn_implementation("eager")
        with torch.no_grad():
            states = network.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[0]
            found = head(states, ids[0, 1:])
            logits = network(input_ids=ids, use_cache=False).logits[0, :-1].float()
    finally:
        network.set_attn_implementation(before)
        network.train(was_training)
    expected = logits.log_softmax(-1).gather(1, ids[0, 1:, None]).squeeze(1)
    bound = 0.1 if network.dtype == torch.bfloat16 else 1e-4
    if not bool(((found - expected).abs() <= bound * expected.abs().clamp(min=1)).all()):
        raise ModelError(
            f"{config.model_type}: its next-token probabilities depend on later tokens, or are not those of its "
            "language-model head; choose another decoder as model.source"
        )
    return head
