"""The layout of encoders: padded on the right, pooled by transformers' own classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rmx.data.batch import SequenceBatch
from rmx.data.sequences import batch_tokens
from rmx.errors import ModelError
from rmx.model.layouts.padded import pad_right

__all__ = ["UNPACKED", "OwnPooling"]

UNPACKED = "it is an encoder: every token sees every other, and its classifier pools for itself"
"""Why sequences are padded although the packed layout was asked for."""

_TRIAL = ((5, 6, 7, 8), (5, 6))


class OwnPooling:
    """Reads what the last layer of a classifier reads: the class's own forward, its last layer taken out.

    Each class pools in a way of its own (the first token, a mean, a dense layer and a norm), which is part of what it
    was pretrained as and of what its rewards mean elsewhere.
    """

    def __init__(self, network: Any) -> None:
        """Prepare for one classifier, whose last layer is the identity.

        Raises:
            ModelError: It takes no padding, or what it pools changes with it.
        """
        self.network = network
        # RoBERTa counts positions by this token, and all others ignore what it is.
        self.pad_id = network.config.get_text_config().pad_token_id or 0
        trial = [np.array(t, np.int32) for t in _TRIAL]
        batch = batch_tokens(trial, np.arange(len(trial)), np.array([len(t) for t in trial]))
        alone = batch_tokens(trial[1:], np.arange(1), np.array([len(trial[1])]))
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                expected, found = (self(network.base_model, b.to(network.device))[-1].float() for b in (alone, batch))
        except Exception as error:  # whatever a foreign architecture does with what it was not made for
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"{network.config.model_type}: its classifier cannot run a padded batch ({reason}); choose another"
            ) from error
        finally:
            network.train(was_training)
        bound = 0.03 if network.dtype == torch.bfloat16 else 1e-4
        if not float((found - expected).norm()) <= bound * max(1.0, float(expected.norm())):
            raise ModelError(
                f"{network.config.model_type}: what its classifier pools changes with padding on the right, so a "
                "reward would depend on its batch; choose another model"
            )

    def __call__(self, backbone: nn.Module, batch: SequenceBatch) -> Tensor:
        """Return what is pooled, (n, width); the backbone is the one inside the classifier, its adapter included."""
        ids, mask = pad_right(batch, self.pad_id)
        pooled: Tensor = self.network(input_ids=ids, attention_mask=mask).logits
        return pooled
