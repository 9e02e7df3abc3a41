"""An explicit reward model as transformers' sequence classifier of one label."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rmx.data.tokens import TokenStore
from rmx.export.form import CardPart
from rmx.export.verify import verify_plain
from rmx.model.adapter import adapter_state, base_model, merged_state, write_adapter
from rmx.model.contract import Contract
from rmx.model.quiet import quiet_loading
from rmx.model.reward_model import RewardModel

__all__ = ["ClassifierForm"]


class ClassifierForm:
    """`AutoModelForSequenceClassification` gives the rewards, batched or alone."""

    def __init__(self, model: RewardModel, facts: Mapping[str, Any]) -> None:
        self.model = model

    def terms(self) -> Mapping[str, Any]:
        """Return none: an explicit reward model is what a contract without them is of."""
        return {}

    def references(self, store: TokenStore) -> Sequence[float | None]:
        """Return none: the head's zero is arbitrary."""
        return [None] * len(store)

    def write_weights(self, target: Path, pad_id: int) -> None:
        """Write config, backbone and head."""
        from transformers import AutoModelForSequenceClassification

        config = copy.deepcopy(base_model(self.model.backbone).config)
        config.num_labels = 1
        config.id2label, config.label2id = {0: "reward"}, {"reward": 0}
        config.get_text_config().pad_token_id = config.pad_token_id = pad_id
        with torch.device("meta"):
            network = AutoModelForSequenceClassification.from_config(config)
        merged = merged_state(self.model.backbone)
        state: dict[str, Tensor] = {f"{network.base_model_prefix}.{name}": t for name, t in merged.items()}
        state["score.weight"] = self.model.head.weight.detach()
        network.load_state_dict(state, assign=True)
        with quiet_loading():
            network.save_pretrained(target)

    def write_adapter(self, target: Path, base: str) -> None:
        """Write it as peft saves it from a sequence classifier, the head among its modules."""
        prefix = base_model(self.model.backbone).base_model_prefix
        trained = {"score": self.model.head.weight}
        config, state = adapter_state(self.model.backbone, prefix, "SEQ_CLS", trained)
        write_adapter(target, config, state, base)

    def verify(self, directory: Path, contract: Contract) -> str:
        """Prove the golden rewards, alone and padded on either side."""
        return verify_plain(directory, contract)

    def card(self, contract: Contract) -> CardPart:
        """Return its part of the model card."""
        pooled = f"{contract.pooled_position} token, {contract.terminal} (id {contract.terminal_id})"
        terms = [("backbone dtype; head and rewards", f"{contract.dtype}; float32"), ("pooled position", pooled)]
        return CardPart("Reward model", "text-classification", "card_classifier.md.j2", terms)
