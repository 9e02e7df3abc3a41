"""What trains, what a checkpoint holds of it, and the proof that nothing that trained is missing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rmx.errors import ModelError
from rmx.model.distributed_tensor import part_like
from rmx.model.sequence_model import SequenceModel

__all__ = ["load_trainable_state", "parameter_groups", "trainable_state"]


def parameter_groups(model: SequenceModel) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return (pretrained and adapter parameters that train, those of the model's own such as a scalar head).

    Raises:
        ModelError: One of the model's own does not train.
    """
    state = _trained(model)
    own = model.own_parameters()
    return [p for name, p in state.items() if name not in own], list(own.values())


def trainable_state(model: SequenceModel) -> dict[str, Tensor]:
    """Return every tensor that training changes, by its name in the model; one that stands in two places once.

    Of a sharded model they are distributed tensors.

    Raises:
        ModelError: A parameter of the model's own, such as its head's, is frozen.
    """
    return {name: p.detach() for name, p in _trained(model).items()}


def _trained(model: SequenceModel) -> dict[str, nn.Parameter]:
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name in model.own_parameters():
        if name not in trained:
            raise ModelError(f"{name} is frozen; it must always train and be saved")
    return trained


def load_trainable_state(model: SequenceModel, state: Mapping[str, Tensor]) -> None:
    """Put back what `trainable_state` gave, whole; what the state lacks must be exactly the frozen base.

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
            trained[name].copy_(part_like(tensor, trained[name]))
