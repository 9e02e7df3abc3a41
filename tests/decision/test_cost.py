"""Counted operations, against torch's own counter on a plain model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rmx.decision.cost import Work, scoring_flops_per_token, training_flops

_HIDDEN, _LAYERS, _VOCABULARY, _TOKENS = 16, 5, 90, 40
_WORK = Work(
    tokens=_TOKENS,
    completion_share=0.5,
    epochs=1.0,
    layer_parameters=_LAYERS * _HIDDEN**2,
    trained_parameters=_LAYERS * _HIDDEN**2,
    trains="all",
    hidden=_HIDDEN,
    vocabulary=_VOCABULARY,
    implicit=False,
)


def counted(run) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def layers(*, trains: bool = True) -> nn.Sequential:
    made = nn.Sequential(*(nn.Linear(_HIDDEN, _HIDDEN, bias=False) for _ in range(_LAYERS)))
    return made.requires_grad_(trains)


def test_all_weights_cost_as_torch_counts_them():
    model, inputs = layers(), torch.randn(_TOKENS, _HIDDEN, requires_grad=True)
    assert training_flops(_WORK) == counted(lambda: model(inputs).sum().backward())


def test_frozen_layers_under_an_adapter_save_the_gradients_of_their_weights():
    model, inputs = layers(trains=False), torch.randn(_TOKENS, _HIDDEN, requires_grad=True)
    found = training_flops(replace(_WORK, trains="adapter", trained_parameters=0))
    assert found == counted(lambda: model(inputs).sum().backward())


def test_a_frozen_trunk_runs_once_for_each_text_whatever_the_epochs():
    model, inputs = layers(trains=False), torch.randn(_TOKENS // 4, _HIDDEN)
    assert training_flops(replace(_WORK, trains="head", epochs=4.0)) == counted(lambda: model(inputs))


def test_log_probabilities_add_the_output_matrix_and_one_pass_of_the_reference():
    model, head = layers(), nn.Linear(_HIDDEN, _VOCABULARY, bias=False)
    inputs, half = torch.randn(_TOKENS, _HIDDEN, requires_grad=True), _TOKENS // 2

    def train() -> None:
        hidden = model(inputs)
        log_p = torch.utils.checkpoint.checkpoint(lambda x: head(x).log_softmax(-1), hidden[:half], use_reentrant=False)
        log_p[:, 0].sum().backward()

    def reference() -> None:
        with torch.no_grad():
            head(model(inputs)[:half])

    # The output matrix of the policy trains along with the layers.
    assert training_flops(replace(_WORK, implicit=True)) == counted(train) + counted(reference)


def test_an_implicit_reward_reads_two_models_and_their_vocabularies():
    model, head = layers(), nn.Linear(_HIDDEN, _VOCABULARY, bias=False)
    inputs, half = torch.randn(_TOKENS, _HIDDEN), _TOKENS // 2

    def score() -> None:
        with torch.no_grad():
            for _ in range(2):
                head(model(inputs)[:half])

    implicit = scoring_flops_per_token(replace(_WORK, implicit=True))
    assert implicit * _TOKENS == pytest.approx(counted(score))
    assert scoring_flops_per_token(_WORK) == 2 * _LAYERS * _HIDDEN**2
