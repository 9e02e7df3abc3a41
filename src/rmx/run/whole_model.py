"""The trained model in one process, which exports it: after sharded training its parts are brought together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from rmx.config.schema import Config
from rmx.model.build import BuiltModel, build_model
from rmx.model.distributed_tensor import gathered
from rmx.model.sharding import is_sharded
from rmx.model.state import load_trainable_state, trainable_state

__all__ = ["trained_state", "whole_model"]


def trained_state(built: BuiltModel, *, keep: bool) -> Mapping[str, Tensor] | None:
    """Return what sharded training changed, whole, where `keep`; None of a model that is whole already.

    Every rank must call it.
    """
    if not is_sharded(built.reward_model):
        return None
    state: Mapping[str, Tensor] = gathered(trainable_state(built.reward_model), keep=keep)
    return state


def whole_model(config: Config, built: BuiltModel, state: Mapping[str, Tensor] | None, *, cache: Path) -> BuiltModel:
    """Return the trained model whole: itself, or built afresh and given the `state` that sharded training reached."""
    if state is None:
        return built
    again = build_model(
        config.method, config.model, config.adapter, layout=config.batch.layout, seed=config.seed, cache=cache
    )
    load_trainable_state(again.reward_model, state)
    return again
