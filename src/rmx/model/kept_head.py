"""The head of a source that is a reward model already: kept, or refused with a reason, never lost without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmx.errors import ModelError
from rmx.model.classifier import Anatomy, stored_tensors
from rmx.model.head import ScalarHead

__all__ = ["is_reward_model", "kept_head", "stored_as_classifier"]

_CLASSIFIER = "ForSequenceClassification"


def stored_as_classifier(config: Any) -> bool:
    """Whether a model was stored as a sequence classifier, of however many labels."""
    return any(name.endswith(_CLASSIFIER) for name in config.architectures or ())


def is_reward_model(config: Any, directory: Path) -> bool:
    """Return whether a directory holds a sequence classifier of one label.

    Raises:
        ModelError: It has several labels, or is of a class whose head transformers does not know.
    """
    import transformers

    if stored_as_classifier(config):
        if config.num_labels != 1:
            raise ModelError(
                f"{directory}: a classifier of {config.num_labels} labels, and nothing says which one is a reward; "
                "start from one of a single label, or from the model that it was made of"
            )
        return True
    if config.architectures and not any(hasattr(transformers, name) for name in config.architectures):
        raise ModelError(
            f"{directory}: stored as {config.architectures[0]}, a class that transformers does not have, so a head in "
            "it would be lost; convert it to a sequence classifier of one label, or start from what it was made of"
        )
    return False


def kept_head(network: Any, parts: Anatomy, directory: Path, left_over: Sequence[str]) -> ScalarHead:
    """Return the head that is stored in a directory, in the precision that it is stored in.

    Args:
        network: The classifier, as loaded.
        parts: Its anatomy.
        directory: Where it is stored.
        left_over: Names of stored weights that the class has no place for.

    Raises:
        ModelError: It has a bias that an export would lose.
    """
    names = (f"{parts.head}.weight", f"{parts.head}.bias")
    if names[1] in left_over:
        raise ModelError(
            f"{directory}: its head has a bias, for which {type(network).__name__} has no place, so an export would "
            "lose it; take the bias out of a local copy: it changes no comparison"
        )
    layer = network.get_submodule(parts.head)
    stored = stored_tensors(directory, names)
    weight, bias = stored.get(names[0], layer.weight), stored.get(names[1], layer.bias)
    return ScalarHead.of(weight.detach(), None if bias is None else bias.detach())
