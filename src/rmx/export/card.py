"""The model card: the verdict first, then how to score and what the score rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmx.data.render import Renderer
from rmx.domain import AuditResult
from rmx.export.findings import Findings
from rmx.export.form import CardPart
from rmx.model.contract import Contract

__all__ = ["model_card"]

_TEMPLATES = Path(__file__).parent


def model_card(contract: Contract, part: CardPart, findings: Findings, renderer: Renderer) -> str:
    """Return the card as Markdown with Hugging Face metadata.

    Args:
        contract: What rmx.json holds.
        part: What the kind of model says.
        findings: Audits and gate decision.
        renderer: Of the exported tokenizer.
    """
    from huggingface_hub import ModelCardData
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    facts = contract.model
    hub = facts.get("base") if facts.get("kind") == "hub" else None
    layers, total = facts.get("layers"), facts.get("layers_total")
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag=part.pipeline_tag,
        tags=["reward-model", "rmx"],
        base_model=hub,
        ignore_metadata_errors=False,
    )
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (Markdown)
    )
    template = environment.get_template("card.md.j2")
    text: str = template.render(
        card_data=data.to_yaml(),
        title=part.title,
        scoring=part.template,
        name=facts.get("source", "exported"),
        here="model",
        contract=contract,
        verdict=findings.gate,
        terminal=repr(contract.terminal),
        terminal_written=contract.terminal in renderer.suffix,
        adapter=facts.get("adapter", "none") != "none",
        base=repr(hub) if hub else "BASE",
        base_note=""
        if hub
        else f" (BASE: {facts.get('source')} as a directory, `base_model_name_or_path` of the adapter)",
        cut_layers=layers if layers != total else None,
        terms=_terms(contract, part),
        rows=[_row(result) for result in findings.audits],
    )
    return text


def _terms(contract: Contract, part: CardPart) -> list[tuple[str, Any]]:
    facts = contract.model
    layers, total = facts.get("layers"), facts.get("layers_total")
    return [
        ("base", f"{facts.get('source')} {facts.get('revision') or facts.get('sha256') or ''}".strip()),
        ("layers", f"{layers} of {total}"),
        ("adapter", facts.get("adapter", "none")),
        *part.terms,
        (
            "pad token",
            f"{contract.pad} (id {contract.pad_id}), on {contract.padding} side".replace("on right", "on the right"),
        ),
        *(
            ("chat template's variable", f"{name} = {value!r}")
            for name, value in facts.get("template_args", {}).items()
        ),
        ("template hash", contract.template_hash),
        ("data fingerprint", contract.data_fingerprint or "not recorded"),
        ("split fingerprint", contract.split_fingerprint or "not recorded"),
    ]


def _row(result: AuditResult) -> dict[str, Any]:
    def number(value: float | None) -> str:
        return "none" if value is None else f"{value:.4g}"

    return {
        "audit": result.audit,
        "slice": result.slice,
        "scorer": result.scorer,
        "metric": result.metric,
        "estimate": number(result.estimate),
        "interval": f"{number(result.ci_low)} to {number(result.ci_high)}",
        "n_pairs": f"{result.n_pairs:,}",
        "status": result.status,
    }
