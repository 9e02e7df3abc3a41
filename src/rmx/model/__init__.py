"""Backbone, adapter and scalar head: from a source of weights to one float32 reward per sequence."""

from __future__ import annotations

from rmx.model.build import BuiltModel, build_implicit_reward, build_model, build_reward_model
from rmx.model.contract import Contract, GoldenInput
from rmx.model.reward_model import RewardModel
from rmx.model.sequence_model import SequenceModel, SequenceScorer
from rmx.model.state import load_trainable_state, parameter_groups, trainable_state

__all__ = [
    "BuiltModel",
    "Contract",
    "GoldenInput",
    "RewardModel",
    "SequenceModel",
    "SequenceScorer",
    "build_implicit_reward",
    "build_model",
    "build_reward_model",
    "load_trainable_state",
    "parameter_groups",
    "trainable_state",
]
