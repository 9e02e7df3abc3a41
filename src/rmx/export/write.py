"""Write the model directory: merged model, tokenizer, contract, card, and the adapter beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rmx.config.schema import BatchConfig
from rmx.data.render import Renderer
from rmx.errors import ExportError
from rmx.export.card import model_card
from rmx.export.findings import Findings
from rmx.export.form import ExportForm
from rmx.export.forms import form_of
from rmx.model.adapter import base_model, has_adapter
from rmx.model.cache import replace_directory
from rmx.model.contract import GOLDEN_DIALOGUES, TOLERANCE, Contract, GoldenInput
from rmx.model.model_config import context_length
from rmx.model.scoring import map_sequences
from rmx.model.sequence_model import SequenceModel
from rmx.model.tokenizer import read_tokenizer, set_pad_token
from rmx.scorers.loading import verify_texts

__all__ = ["export_model"]

_ADAPTER = "adapter"


def export_model(
    directory: Path, model: SequenceModel, renderer: Renderer, findings: Findings, facts: Mapping[str, Any]
) -> Contract:
    """Write the directory that plain transformers, rmx and the card's readers use.

    Of a reward model `AutoModelForSequenceClassification.from_pretrained(directory)` gives the rewards, batched or
    alone and padded on either side (on the right where positions are absolute); of a policy `AutoModelForCausalLM`
    gives the log-probabilities. This is tried on the golden inputs before the directory appears under its name. Where
    an adapter was trained, `directory/adapter` holds it as peft saves it, for the original base (not where another
    one was merged first or the base was in 4 bits); a classifier's with the contract's pad id set.

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
    form = form_of(model, facts)
    base = base_model(model.backbone)
    tokenizer = copy.deepcopy(renderer.tokenizer)
    # A program that renders by itself, and pools the last token, then pools what was trained.
    tokenizer.chat_template = renderer.closed_template
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
        golden=_golden(model, form, renderer, exported, context_length(base.config)),
        tolerance=TOLERANCE[dtype],
        model={**_recorded(facts), "tokenizer_hash": renderer.tokenizer_fingerprint},
        reward_mean=findings.reward_mean,
        reward_sd=findings.reward_sd,
        temperature=findings.temperature,
        loss=findings.loss,
        trained_length=findings.trained_length,
        data_fingerprint=findings.data_fingerprint,
        split_fingerprint=findings.split_fingerprint,
        audits=findings.audit_rows(),
        verdict=findings.gate.verdict if findings.gate is not None else None,
        simulated=findings.gate is not None and findings.gate.simulated,
        rmx_version=version("rmx-reward"),
        **form.terms(),
    )

    def fill(target: Path) -> None:
        nonlocal contract
        form.write_weights(target, pad_id)
        tokenizer.save_pretrained(target)
        # transformers may build another tokenizer from the same files once config.json names the architecture.
        verify_texts(target, Renderer(read_tokenizer(target), terminal=contract.terminal), contract)
        # Where another adapter was merged first, or the base was packed, it would not be for the original base.
        if has_adapter(model.backbone) and "merged_adapter" not in facts and facts.get("adapter") != "qlora":
            form.write_adapter(target / _ADAPTER, str(facts.get("base", "")))
        contract = replace(contract, padding=form.verify(target, contract))
        contract.write(target)
        (target / "README.md").write_text(
            model_card(contract, form.card(contract), findings, exported), encoding="utf-8"
        )

    try:
        replace_directory(directory, fill)
    except OSError as error:
        raise ExportError(
            f"{directory}: the model cannot be written ({error.strerror or error}); free some space or choose another "
            "hydra.run.dir"
        ) from error
    return contract


def _recorded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what travels with the model: no path of this machine, and nothing that the contract has a field for."""
    left_out = {"beta", "reference"} | (set() if facts.get("kind") == "hub" else {"base"})
    return {key: value for key, value in facts.items() if key not in left_out}


def _golden(
    model: SequenceModel, form: ExportForm, renderer: Renderer, exported: Renderer, readable: int
) -> tuple[GoldenInput, ...]:
    lengths = exported.encode(GOLDEN_DIALOGUES).lengths.tolist()
    dialogues = [d for d, length in zip(GOLDEN_DIALOGUES, lengths, strict=True) if length <= readable]
    if not dialogues:
        raise ExportError(f"the model reads {readable} tokens, too few for any golden input; choose a larger one")
    store, trained = exported.encode(dialogues), renderer.encode(dialogues)
    for i in range(len(store)):
        if store.ids(i).tolist() != trained.ids(i).tolist():
            raise ExportError("the pad token changes how texts tokenise; set another pad token on the tokenizer")
    was_training = model.training
    model.eval()
    scores = map_sequences(model, store, BatchConfig(max_tokens=1), device=model.device)
    zeros = form.references(store)
    model.train(was_training)
    columns = zip(dialogues, scores.tolist(), store.completion_lengths.tolist(), zeros, strict=True)
    return tuple(
        GoldenInput(prompt, completion, tuple(store.ids(i).tolist()), score, tokens, zero)
        for i, ((prompt, completion), score, tokens, zero) in enumerate(columns)
    )
