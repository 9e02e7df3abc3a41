"""Somebody's sequence classifier of one label: scored by its own forward, what is not known of it in flags."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.data.render import Renderer
from rmx.model.layouts.padded import pad_right
from rmx.model.model_config import context_length
from rmx.model.source import Location
from rmx.model.tokenizer import read_tokenizer, set_pad_token
from rmx.scorers.classifier import read_classifier
from rmx.scorers.loading import LoadedScorer

__all__ = ["ForeignModel", "float32_head", "head_bytes", "load_foreign"]


class ForeignModel(nn.Module):
    """A classification model, scored by its own forward: what it pools is part of what its score means."""

    def __init__(self, network: Any, pad_id: int) -> None:
        super().__init__()
        self.network = network
        self.pad_id = pad_id

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Return float32 rewards (n,)."""
        ids, mask = pad_right(batch, self.pad_id)
        logits: Tensor = self.network(input_ids=ids, attention_mask=mask).logits
        return logits[:, 0].float()


def load_foreign(
    location: Location,
    *,
    device: torch.device | str,
    chat_template: str | None,
    terminal: str | None,
    trust_remote_code: bool = False,
) -> LoadedScorer:
    """Load a sequence classifier of one label without rmx.json.

    Raises:
        ModelError: It cannot be read, has no reward head, or more than one label.
    """
    tokenizer = read_tokenizer(location.path, chat_template=chat_template, trust_remote_code=trust_remote_code)
    renderer = Renderer(tokenizer, terminal=terminal)
    network = read_classifier(location.path, trust_remote_code=trust_remote_code)
    text = network.config.get_text_config()
    flags = ["no rmx.json: template, terminal token and scores are unverified, and the scale of the rewards is unknown"]
    if not type(network).__module__.startswith("transformers."):
        flags.append(f"its own code runs ({type(network).__name__}): what it pools and its head are its own")
    declared = text.pad_token_id
    if declared is None:
        rows = network.get_input_embeddings().weight.shape[0]
        declared = set_pad_token(tokenizer, rows=rows, avoid=renderer.terminal_id)
        text.pad_token_id = network.config.pad_token_id = declared
        flags.append(f"the model names no pad token; padded with {tokenizer.pad_token} (id {declared})")
    elif declared == renderer.terminal_id and isinstance(getattr(network, "score", None), nn.Linear):
        flags.append(
            f"its pad token is also the closing token {renderer.terminal} (id {declared}): "
            "its own pooling scores the token before"
        )
    after = renderer.suffix.partition(renderer.terminal)[2]
    if renderer.terminal not in renderer.suffix:
        flags.append(f"its chat template does not close a completion with {renderer.terminal}; it is appended")
    elif after:
        flags.append(f"its chat template writes {after!r} after the closing token; it is left off")
    if flag := float32_head(network):
        flags.append(flag)
    model = ForeignModel(network, declared).to(device).eval().requires_grad_(False)
    return LoadedScorer(model, renderer, context_length(network.config), None, tuple(flags), "padded")


def float32_head(network: Any) -> str:
    """Run the head in float32 whatever the backbone's dtype; return a flag where the head is not known, else nothing.

    At rewards of 8 to 16 bfloat16 has steps of 0.0625: pairs would tie that the model does tell apart.
    """
    dtype = network.dtype
    if dtype not in (torch.bfloat16, torch.float16):
        return ""
    head = getattr(network, "score", None)
    # Subclasses of Linear (quantised, adapted) have arithmetic of their own.
    if type(head) is not nn.Linear:
        return f"its head runs in {str(dtype).removeprefix('torch.')}: rewards are coarse, and close ones tie"
    # A hook on the head leaves the model's own pooling, which comes after it, as it is.
    head.float().register_forward_pre_hook(lambda _, inputs: tuple(x.float() for x in inputs))
    return ""


def head_bytes(network: nn.Module) -> bytes:
    """Return the weights of the head, in which two trainings differ that have the same configuration."""
    named = [(name, p) for name, p in network.named_parameters() if {"score", "classifier"} & set(name.split("."))]
    return b"".join(p.detach().float().cpu().numpy().tobytes() for _, p in named)
