"""In which form each kind of model is exported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from rmx.errors import ExportError
from rmx.export.causal_lm import CausalLMForm
from rmx.export.classifier import ClassifierForm
from rmx.export.form import ExportForm
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.reward_model import RewardModel
from rmx.model.sequence_model import SequenceModel

__all__ = ["form_of"]


@singledispatch
def form_of(model: SequenceModel, facts: Mapping[str, Any]) -> ExportForm:
    """Return the form of a model.

    Raises:
        ExportError: There is none for its class.
    """
    raise ExportError(f"{type(model).__name__}: there is no export of this kind of model")


form_of.register(RewardModel, ClassifierForm)
form_of.register(ImplicitReward, CausalLMForm)
