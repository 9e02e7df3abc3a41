"""A policy with an implicit reward as transformers' causal LM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rmx.config.schema import BatchConfig
from rmx.data.tokens import TokenStore
from rmx.errors import ExportError
from rmx.export.form import CardPart
from rmx.model.adapter import adapter_state, base_model, merged_state, write_adapter
from rmx.model.contract import Contract
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.quantisation import plain_config
from rmx.model.quiet import quiet_loading
from rmx.model.scoring import map_sequences

__all__ = ["CausalLMForm"]


class CausalLMForm:
    """`AutoModelForCausalLM` gives the policy; its reward needs the reference too, which the contract names."""

    def __init__(self, model: ImplicitReward, facts: Mapping[str, Any]) -> None:
        self.model = model
        self.facts = facts

    def terms(self) -> Mapping[str, Any]:
        """Return method, β, and what leads to the reference's weights again."""
        return {
            "method": "dpo",
            "beta": self.model.beta,
            "reference": self.facts["reference"],
            "pooled_position": "completion",
        }

    def references(self, store: TokenStore) -> Sequence[float | None]:
        """Return Σ log π_ref of each sequence's completion."""
        model = self.model
        values = map_sequences(
            lambda batch: model.reference(model, batch), store, BatchConfig(max_tokens=1), device=model.device
        )
        return [float(value) for value in values]

    def write_weights(self, target: Path, pad_id: int) -> None:
        """Write config and the policy's weights; tied embeddings stay tied."""
        from transformers import AutoModelForCausalLM

        config = plain_config(base_model(self.model.backbone).config)
        config.get_text_config().pad_token_id = config.pad_token_id = pad_id
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config)
        merged = merged_state(self.model.backbone)
        state: dict[str, Tensor] = {f"{network.base_model_prefix}.{name}": t for name, t in merged.items()}
        output = network.get_output_embeddings()
        place = next(name for name, module in network.named_modules() if module is output)
        state |= {f"{place}.{name}": t.detach() for name, t in self.model.head.output.state_dict().items()}
        network.load_state_dict(state, assign=True)
        network.tie_weights()
        with quiet_loading():
            network.save_pretrained(target)

    def write_adapter(self, target: Path, base: str) -> None:
        """Write it as peft saves it from a causal LM."""
        prefix = base_model(self.model.backbone).base_model_prefix
        config, state = adapter_state(self.model.backbone, prefix, "CAUSAL_LM", {})
        write_adapter(target, config, state, base)

    def verify(self, directory: Path, contract: Contract) -> str:
        """Prove the golden rewards: the policy's log-probabilities by plain transformers, the reference's as recorded.

        Raises:
            ExportError: They are others.
        """
        from transformers import AutoModelForCausalLM

        with quiet_loading():
            network = AutoModelForCausalLM.from_pretrained(directory, local_files_only=True).eval()
        scores = []
        for golden in contract.golden:
            ids = torch.tensor([golden.ids])
            with torch.no_grad():
                logits = network(input_ids=ids).logits[0, :-1].float()
            each = logits.log_softmax(-1).gather(1, ids[0, 1:, None]).squeeze(1)
            policy = float(each[len(each) - (golden.completion_tokens or 0) :].sum())
            scores.append(self.model.beta * (policy - (golden.zero or 0.0)))
        if wrong := contract.mismatch(scores):
            raise ExportError(
                f"{directory.name}: plain transformers: {wrong}; the model is not exported. "
                "Please report it with the config.json of the base model"
            )
        return "right"

    def card(self, contract: Contract) -> CardPart:
        """Return its part of the model card."""
        reference = contract.reference or {}
        origin = " ".join(str(reference[k]) for k in ("source", "revision", "sha256") if reference.get(k))
        terms = [
            ("reward", f"{contract.beta:g} × (log π − log π_ref), summed over the completion with {contract.terminal}"),
            ("reference", f"{origin}, {reference.get('layers') or 'all'} layers, without the adapter"),
            ("dtype; logits and rewards", f"{contract.dtype}; float32"),
        ]
        return CardPart("Policy with an implicit reward", "text-generation", "card_causal_lm.md.j2", terms)
