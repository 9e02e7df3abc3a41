"""Weights of a sequence classifier of one label, with its trained head or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from rmx.errors import ModelError
from rmx.model.quiet import quiet_loading

__all__ = ["read_classifier", "read_weights"]


def read_classifier(directory: Path, *, trust_remote_code: bool = False) -> Any:
    """Return a classifier of one label, all of whose weights are stored.

    Raises:
        ModelError: It cannot be read, has another number of labels, or lacks weights.
    """
    network, absent = read_weights(directory, trust_remote_code=trust_remote_code)
    if absent:
        raise ModelError(
            f"{directory}: {len(absent)} weights are missing, first {absent[0]}; "
            "a reward model needs its trained head, a language model alone has none"
        )
    return network


def read_weights(directory: Path, *, trust_remote_code: bool = False, new_head: bool = False) -> tuple[Any, list[str]]:
    """Return a classifier of one label, and the names of the weights that are not stored and so are random.

    Args:
        directory: Holds config.json and safetensors.
        trust_remote_code: Run the Python files that come with the weights.
        new_head: The configuration is a language model's, which says nothing of labels.

    Raises:
        ModelError: It cannot be read, or has another number of labels.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        with quiet_loading():
            config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trust_remote_code)
            if new_head:
                config.num_labels = 1
            if config.num_labels != 1:
                raise ModelError(
                    f"{directory}: a classifier of {config.num_labels} labels, a reward model has one; "
                    "mend reward, or set num_labels to 1 in a local copy if its head has one output"
                )
            config.use_cache = False
            network, report = AutoModelForSequenceClassification.from_pretrained(
                directory,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                trust_remote_code=trust_remote_code,
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{directory}: the reward model cannot be loaded ({reason}); fetch or export it again"
        ) from error
    return network, sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
