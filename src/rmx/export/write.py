"""Write the model directory: merged classification model, tokenizer, contract, card, and the adapter beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from rmx.config.schema import BatchConfig
from rmx.data.render import Renderer
from rmx.errors import ExportError
from rmx.export.card import model_card
from rmx.export.findings import Findings
from rmx.export.verify import verify_plain
from rmx.model.adapter import adapter_state, has_adapter, merged_state
from rmx.model.cache import replace_directory
from rmx.model.contract import GOLDEN_DIALOGUES, TOLERANCE, Contract, GoldenInput
from rmx.model.quiet import quiet_loading
from rmx.model.reward_model import RewardModel
from rmx.model.scoring import map_sequences
from rmx.model.tokenizer import read_tokenizer, set_pad_token
from rmx.model.weights import context_length
from rmx.scorers.loading import verify_texts

__all__ = ["export_model"]

_ADAPTER = "adapter"


def export_model(
    directory: Path, model: RewardModel, renderer: Renderer, findings: Findings, facts: Mapping[str, Any]
) -> Contract:
    """Write the directory that plain transformers, rmx and the card's readers use.

    `AutoModelForSequenceClassification.from_pretrained(directory)` gives the model's rewards, batched or alone and
    padded on either side (on the right where positions are absolute); this is tried on the golden inputs before the
    directory appears under its name. Where an adapter was trained, `directory/adapter` holds it as peft saves it from a
    classification model, for the original base with the contract's pad id set.

    Args:
        directory: Replaced if it exists.
        model: The trained model; left as it is.
        renderer: The rendering it was trained with.
        findings: What was measured on it.
        facts: Of `BuiltModel`.

    Returns:
        The contract, as written to rmx.json.

    Raises:
        ExportError: The written model does not give the same rewards, or the directory cannot be written.
    """
    backbone: Any = model.backbone
    base: Any = backbone.get_base_model() if has_adapter(backbone) else backbone
    tokenizer = copy.deepcopy(renderer.tokenizer)
    tokenizer.chat_template = renderer.template.text
    tokenizer.padding_side = "right"
    rows = base.get_input_embeddings().weight.shape[0]
    pad_id = set_pad_token(tokenizer, rows=rows, avoid=renderer.terminal_id)
    exported = Renderer(tokenizer, terminal=renderer.terminal)
    dtype = str(base.dtype).removeprefix("torch.")
    contract = Contract(
        template_hash=exported.template_hash,
        terminal=exported.terminal,
        terminal_id=exported.terminal_id,
        terminal_policy=exported.terminal_policy,
        pad=str(tokenizer.pad_token),
        pad_id=pad_id,
        dtype=dtype,
        max_length=context_length(base.config),
        golden=_golden(model, renderer, exported),
        tolerance=TOLERANCE[dtype],
        model={
            **{key: value for key, value in facts.items() if key != "base" or facts.get("kind") == "hub"},
            "tokenizer_hash": renderer.tokenizer_fingerprint,
        },
        reward_mean=findings.reward_mean,
        reward_sd=findings.reward_sd,
        temperature=findings.temperature,
        trained_length=findings.trained_length,
        data_fingerprint=findings.data_fingerprint,
        split_fingerprint=findings.split_fingerprint,
        audits=findings.audit_rows(),
        verdict=findings.gate.verdict if findings.gate is not None else None,
        simulated=findings.gate is not None and findings.gate.simulated,
        rmx_version=version("rmx-reward"),
    )

    def fill(target: Path) -> None:
        nonlocal contract
        prefix = _write_merged(target, model, base.config, pad_id)
        tokenizer.save_pretrained(target)
        # transformers may build another tokenizer from the same files once config.json names the architecture.
        verify_texts(target, Renderer(read_tokenizer(target), terminal=contract.terminal), contract)
        if has_adapter(model.backbone):
            _write_adapter(target / _ADAPTER, model, prefix, str(facts.get("base", "")))
        contract = replace(contract, padding=verify_plain(target, contract))
        contract.write(target)
        (target / "README.md").write_text(model_card(contract, findings, exported), encoding="utf-8")

    try:
        replace_directory(directory, fill)
    except OSError as error:
        raise ExportError(
            f"{directory}: the model cannot be written ({error.strerror or error}); free some space or choose another "
            "hydra.run.dir"
        ) from error
    return contract


def _golden(model: RewardModel, renderer: Renderer, exported: Renderer) -> tuple[GoldenInput, ...]:
    store = exported.encode(GOLDEN_DIALOGUES)
    trained = renderer.encode(GOLDEN_DIALOGUES)
    for i in range(len(store)):
        if store.ids(i).tolist() != trained.ids(i).tolist():
            raise ExportError("the pad token changes how texts tokenise; set another pad token on the tokenizer")
    was_training = model.training
    model.eval()
    scores = map_sequences(model, store, BatchConfig(max_tokens=1), device=model.device)
    model.train(was_training)
    return tuple(
        GoldenInput(prompt, completion, tuple(store.ids(i).tolist()), float(score))
        for i, ((prompt, completion), score) in enumerate(zip(GOLDEN_DIALOGUES, scores, strict=True))
    )


def _write_merged(target: Path, model: RewardModel, backbone_config: Any, pad_id: int) -> str:
    """Write config and weights; return the name of the base model inside the classification model."""
    from transformers import AutoModelForSequenceClassification

    config = copy.deepcopy(backbone_config)
    config.num_labels = 1
    config.id2label, config.label2id = {0: "reward"}, {"reward": 0}
    config.get_text_config().pad_token_id = config.pad_token_id = pad_id
    with torch.device("meta"):
        network = AutoModelForSequenceClassification.from_config(config)
    prefix: str = network.base_model_prefix
    state: dict[str, Tensor] = {f"{prefix}.{name}": tensor for name, tensor in merged_state(model.backbone).items()}
    state["score.weight"] = model.head.weight.detach()
    network.load_state_dict(state, assign=True)
    with quiet_loading():
        network.save_pretrained(target)
    return prefix


def _write_adapter(target: Path, model: RewardModel, prefix: str, base: str) -> None:
    config, state = adapter_state(model.backbone, prefix, model.head.weight)
    config.base_model_name_or_path = base
    config.save_pretrained(target)
    save_file(
        {name: tensor.cpu().contiguous() for name, tensor in state.items()},
        target / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
