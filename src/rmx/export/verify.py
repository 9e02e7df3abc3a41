"""The proof that plain transformers reads from an export the rewards that were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rmx.errors import ExportError
from rmx.model.contract import Contract
from rmx.model.quiet import quiet_loading

__all__ = ["plain_scores", "verify_plain"]


def verify_plain(directory: Path, contract: Contract, *, left: bool = True) -> str:
    """Load the directory with transformers alone and compare the golden scores, alone, and batched with either padding.

    Args:
        directory: Holds the model.
        contract: With the golden inputs.
        left: Whether padding on the left may be allowed if the scores are the same.

    Returns:
        The side on which batches may be padded: `either`, or `right`. Models of absolute positions (GPT-2) count the
        padding on the left as text, with or without rmx.

    Raises:
        ExportError: A score differs by more than the contract allows.
    """
    from transformers import AutoModelForSequenceClassification

    with quiet_loading():
        network = AutoModelForSequenceClassification.from_pretrained(directory, local_files_only=True).eval()
    found = {how: contract.mismatch(scores) for how, scores in plain_scores(network, contract).items()}
    padded_left = found.pop("padded left")
    for how, wrong in found.items():
        if wrong is not None:
            raise ExportError(
                f"{directory.name}: plain transformers, {how}: {wrong}; the model is not exported. "
                "Please report it with the config.json of the base model"
            )
    return "either" if left and padded_left is None else "right"


def plain_scores(network: Any, contract: Contract) -> dict[str, list[float]]:
    """Return a classification model's scores of the golden inputs: alone, padded right and padded left."""
    sequences = [list(golden.ids) for golden in contract.golden]
    width = max(map(len, sequences))
    sides = {
        "padded right": [s + [contract.pad_id] * (width - len(s)) for s in sequences],
        "padded left": [[contract.pad_id] * (width - len(s)) + s for s in sequences],
    }
    masks = {
        "padded right": [[1] * len(s) + [0] * (width - len(s)) for s in sequences],
        "padded left": [[0] * (width - len(s)) + [1] * len(s) for s in sequences],
    }
    device = network.device

    def run(ids: list[list[int]], mask: list[list[int]]) -> list[float]:
        with torch.no_grad():
            logits: Tensor = network(
                input_ids=torch.tensor(ids, device=device), attention_mask=torch.tensor(mask, device=device)
            ).logits
        return [float(x) for x in logits[:, 0].float().cpu()]

    alone = [run([s], [[1] * len(s)])[0] for s in sequences]
    return {"alone": alone, **{side: run(sides[side], masks[side]) for side in sides}}
