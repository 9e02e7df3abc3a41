"""An explicit reward model as transformers' sequence classifier of one label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rmx.data.tokens import TokenStore
from rmx.export.form import CardPart
from rmx.export.verify import verify_plain
from rmx.model.adapter import adapter_state, base_model, merged_state, write_adapter
from rmx.model.classifier import anatomy
from rmx.model.contract import Contract
from rmx.model.quantisation import plain_config
from rmx.model.quiet import quiet_loading
from rmx.model.reward_model import RewardModel

__all__ = ["ClassifierForm"]

_ORIGIN = {"new": "new, random", "kept": "that of the base, a reward model already", "found": "the adapter's"}


class ClassifierForm:
    """`AutoModelForSequenceClassification` gives the rewards, batched or alone."""

    def __init__(self, model: RewardModel, facts: Mapping[str, Any]) -> None:
        self.model = model

    def terms(self) -> Mapping[str, Any]:
        """Return the pooled position where it is not the last, which is that of a contract without these terms."""
        return {} if self.model.pools_last else {"pooled_position": "own"}

    def references(self, store: TokenStore) -> Sequence[float | None]:
        """Return none: the head's zero is arbitrary."""
        return [None] * len(store)

    def write_weights(self, target: Path, pad_id: int) -> None:
        """Write config, backbone and head."""
        from transformers import AutoModelForSequenceClassification

        config = plain_config(base_model(self.model.backbone).config)
        config.num_labels = 1
        config.id2label, config.label2id = {0: "reward"}, {"reward": 0}
        config.get_text_config().pad_token_id = config.pad_token_id = pad_id
        with torch.device("meta"):
            network = AutoModelForSequenceClassification.from_config(config)
        merged = merged_state(self.model.backbone)
        state: dict[str, Tensor] = {f"{network.base_model_prefix}.{name}": t for name, t in merged.items()}
        state |= self._read_weights()
        network.load_state_dict(state, assign=True)
        with quiet_loading():
            network.save_pretrained(target)

    def write_adapter(self, target: Path, base: str) -> None:
        """Write it as peft saves it from a sequence classifier, the head among its modules."""
        prefix = base_model(self.model.backbone).base_model_prefix
        config, state = adapter_state(self.model.backbone, prefix, "SEQ_CLS", self._read_weights())
        write_adapter(target, config, state, base)

    def verify(self, directory: Path, contract: Contract) -> str:
        """Prove the golden rewards, alone and padded on either side; encoders are padded on the right alone."""
        return verify_plain(directory, contract, left=self.model.pools_last)

    def card(self, contract: Contract) -> CardPart:
        """Return its part of the model card."""
        pooled = f"last token, {contract.terminal} (id {contract.terminal_id})"
        terms = [
            ("backbone dtype; head and rewards", f"{contract.dtype}; float32"),
            ("pooled position", pooled if self.model.pools_last else "as the model's own classifier pools"),
            ("head before training", _ORIGIN[contract.model["head"]]),
        ]
        return CardPart("Reward model", "text-classification", "card_classifier.md.j2", terms)

    def _read_weights(self) -> dict[str, Tensor]:
        """Return the weights beside the base model, by their names in transformers' classifier."""
        head = anatomy(base_model(self.model.backbone).config).head
        between = self.model.between.state_dict() if self.model.between is not None else {}
        return {**between, **{f"{head}.{name}": t.detach() for name, t in self.model.head.state_dict().items()}}
