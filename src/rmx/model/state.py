"""What trains, what a checkpoint holds of it, and the proof that nothing that trained is missing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rmx.errors import ModelError
from rmx.model.reward_model import RewardModel

__all__ = ["load_trainable_state", "parameter_groups", "trainable_state"]

_HEAD = "head.weight"


def parameter_groups(model: RewardModel) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return (backbone parameters that train, head parameters).

    Raises:
        ModelError: The head does not train.
    """
    head = list(model.head.parameters())
    if not all(p.requires_grad for p in head):
        raise ModelError("the scalar head is frozen; it must always train")
    return [p for p in model.backbone.parameters() if p.requires_grad], head


def trainable_state(model: RewardModel) -> dict[str, Tensor]:
    """Return every tensor that training changes, the head among them, by its name in the reward model."""
    state = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if _HEAD not in state:
        raise ModelError("the scalar head is frozen; it must always train and be saved")
    return state


def load_trainable_state(model: RewardModel, state: Mapping[str, Tensor]) -> None:
    """Put back what `trainable_state` gave; what the state lacks must be exactly the frozen base.

    Raises:
        ModelError: A tensor that trains is missing, one is unknown or frozen here, or a shape differs.
    """
    trained = trainable_state(model)
    missing, unknown = sorted(trained.keys() - state.keys()), sorted(state.keys() - trained.keys())
    if missing or unknown:
        what = f"lacks {missing[0]}" if missing else f"holds {unknown[0]}, which does not train here"
        raise ModelError(
            f"the checkpoint {what} ({len(missing)} missing, {len(unknown)} unknown); "
            "it belongs to another model or adapter: restore those settings, or start a new run"
        )
    for name, tensor in state.items():
        if tensor.shape != trained[name].shape:
            raise ModelError(
                f"the checkpoint's {name} has shape {tuple(tensor.shape)}, wanted {tuple(trained[name].shape)}; "
                "it belongs to another model or adapter: restore those settings, or start a new run"
            )
    with torch.no_grad():
        for name, tensor in state.items():
            trained[name].copy_(tensor)
