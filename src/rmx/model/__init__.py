"""Backbone, adapter and scalar head: from a source of weights to one float32 reward per sequence."""

from __future__ import annotations

from rmx.model.build import BuiltModel, build_reward_model
from rmx.model.contract import Contract, GoldenInput
from rmx.model.reward_model import RewardModel, SequenceScorer
from rmx.model.state import load_trainable_state, parameter_groups, trainable_state

__all__ = [
    "BuiltModel",
    "Contract",
    "GoldenInput",
    "RewardModel",
    "SequenceScorer",
    "build_reward_model",
    "load_trainable_state",
    "parameter_groups",
    "trainable_state",
]
