"""An exported policy with its reference: the implicit reward as a sequence scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rmx.config.schema import ModelConfig
from rmx.errors import ExportError
from rmx.model.adapter import read_adapter
from rmx.model.contract import CONTRACT_FILE, Contract
from rmx.model.implicit_reward import ImplicitReward
from rmx.model.language_model import CompletionLikelihood
from rmx.model.layouts import adopt_layout
from rmx.model.reference_policy import AdapterDisabled, SecondModel
from rmx.model.vocabulary_head import vocabulary_head
from rmx.model.weights import load_causal_lm

__all__ = ["load_implicit", "load_likelihood"]

_ADAPTER = "adapter"


def load_implicit(directory: Path, contract: Contract, *, layout: str, cache: Path) -> tuple[ImplicitReward, str]:
    """Load an exported policy and its reference.

    Where an adapter lies beside the policy, it is put on the reference's own weights: one model in memory, which
    without the adapter is the reference. Otherwise both are loaded.

    Args:
        directory: Holds the policy, and maybe adapter/.
        contract: Of method dpo.
        layout: How sequences run; what cannot be packed is padded.
        cache: Directory of fetched weights.

    Returns:
        The implicit reward, and why it is padded where packed was asked for.

    Raises:
        ExportError: The contract names no beta or reference.
        ModelError: The policy's or the reference's weights cannot be reached or read.
    """
    if contract.beta is None or contract.reference is None:
        raise ExportError(f"{directory / CONTRACT_FILE}: method dpo without beta or reference; export the policy again")
    try:
        origin = ModelConfig(**contract.reference)
    except TypeError as error:
        raise ExportError(f"{directory / CONTRACT_FILE}: reference: {error}; export the policy again") from error
    reference, unpacked, network = load_likelihood(origin, layout=layout, cache=cache)
    if (directory / _ADAPTER).is_dir():
        read_adapter(network, directory / _ADAPTER)
        policy, source = reference, AdapterDisabled()
        model = ImplicitReward(policy.backbone, policy.head, policy.layout, beta=contract.beta, reference=source)
    else:
        policy, unpacked, _ = load_likelihood(
            ModelConfig(source=str(directory), dtype=contract.dtype), layout=layout, cache=cache
        )
        model = ImplicitReward(
            policy.backbone, policy.head, policy.layout, beta=contract.beta, reference=SecondModel(reference)
        )
    return model.eval().requires_grad_(False), unpacked


def load_likelihood(model: ModelConfig, *, layout: str, cache: Path) -> tuple[CompletionLikelihood, str, Any]:
    """Load a causal LM as a scorer of completions by their log-probability.

    Returns:
        The scorer, why it is padded where packed was asked for, and the model of transformers that it reads.

    Raises:
        ModelError: The weights cannot be reached or read, or are no causal LM's.
    """
    with torch.random.fork_rng(devices=[]):
        network, backbone = load_causal_lm(model, cache)
    head = vocabulary_head(network)
    chosen, unpacked = adopt_layout(backbone.module, layout)
    return CompletionLikelihood(backbone.module, head, chosen).eval(), unpacked, network
