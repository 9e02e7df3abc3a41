"""A PEFT adapter on its base, with the trained head or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from rmx.errors import ModelError
from rmx.model.quiet import quiet_loading

__all__ = ["attach"]

_WEIGHTS = "adapter_model.safetensors"
_HEADS = ("score", "classifier")
"""What transformers calls the head of a sequence classifier."""
_PREFIX = "base_model.model."
"""Before the names of weights in a saved adapter."""


def attach(network: Any, directory: Path, absent: Sequence[str]) -> Any:
    """Return the classifier with its adapter.

    TRL leaves it to its user to have the head trained and saved (`modules_to_save=["score"]`); without, the head stays
    the random one that it was made with, which no file holds.

    Args:
        network: The base as a classifier of one label.
        directory: Holds adapter_config.json and adapter_model.safetensors.
        absent: Weights of the base that are not stored.

    Raises:
        ModelError: It cannot be read or does not fit, or the head was saved nowhere.
    """
    from peft import PeftModel

    file = directory / _WEIGHTS
    try:
        with safe_open(file, "pt") as tensors:
            names = list(tensors.keys())
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{file}: cannot be read ({error}); save the adapter again, pickled ones are not read"
        ) from None
    lost = [name for name in absent if not _is_head(name)]
    if lost:
        raise ModelError(
            f"{directory}: {len(lost)} weights of its base are missing, first {lost[0]}; mend scorer.trl.base"
        )
    of_head = [name for name in names if _is_head(name.removeprefix(_PREFIX))]
    if absent and not any(".lora_" not in name for name in of_head):
        how = "what was trained is an adapter on it" if of_head else "it was not trained"
        raise ModelError(
            f"{directory}: its head is a random one that no file holds ({how}); "
            'train again with modules_to_save=["score"]'
        )
    try:
        with quiet_loading():
            return PeftModel.from_pretrained(network, str(directory), local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{directory}: the adapter does not fit its base ({reason}); "
            "set scorer.trl.base to the one it was trained on, or merge it"
        ) from error


def _is_head(name: str) -> bool:
    return name.split(".", 1)[0] in _HEADS
