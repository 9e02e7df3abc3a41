"""What a local reward model is once it is loaded, and an rmx export under its contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rmx.config.schema import BatchConfig
from rmx.data.render import Renderer
from rmx.data.tokenise import TextRenderer
from rmx.errors import ExportError, ModelError
from rmx.model.classifier import anatomy, reader, stored_tensors
from rmx.model.contract import CONTRACT_FILE, Contract
from rmx.model.head import ScalarHead
from rmx.model.reward_model import RewardModel
from rmx.model.scoring import map_sequences
from rmx.model.sequence_model import SequenceModel
from rmx.model.source import Location, check_directory, locate
from rmx.model.tokenizer import read_tokenizer
from rmx.scorers.classifier import read_classifier
from rmx.scorers.implicit import load_implicit

__all__ = ["LoadedScorer", "find_reward", "load_export", "verify_texts"]

_KEY = "reward"


@dataclass(frozen=True)
class LoadedScorer:
    """A model that maps batches of token sequences to rewards, and how texts reach it."""

    network: nn.Module
    renderer: TextRenderer
    max_length: int
    """Tokens that the model can read."""
    contract: Contract | None
    flags: tuple[str, ...]
    """What is not known or not as rmx would have it, in sentences."""
    layout: str
    """How its batches run."""


def find_reward(reward: str | Path, *, trust_remote_code: bool = False) -> Location:
    """Return the model directory that `reward` names: a finished run, its model/, another directory, or a hub id.

    Args:
        reward: As described.
        trust_remote_code: Take one whose configuration names code to run.

    Raises:
        ModelError: It is none of these, or the run has no model yet.
    """
    path = Path(reward).expanduser()
    if (path / "model" / "config.json").is_file():
        return locate(str(path / "model"), key=_KEY)
    if path.is_dir() and not (path / "config.json").exists() and (path / "config.yaml").exists():
        if (path / "decision.json").exists():
            raise ModelError(f"{path}: compares two trainings and has no model of its own; give its rm/ or dpo/")
        if (path / "folds").is_dir():
            raise ModelError(f"{path}: a cross-fit judges a recipe and has no model; give its final/, if it has one")
        if path.parent.name == "folds":
            raise ModelError(f"{path}: the run of a fold leaves no model; give its cross-fit's final/, if it has one")
        raise ModelError(f"{path}: this run has no model/ yet; finish it with trainer.resume=auto")
    return locate(str(reward), key=_KEY, trust_remote_code=trust_remote_code)


def load_export(directory: Path, *, device: torch.device | str, layout: str, cache: Path) -> LoadedScorer:
    """Load a directory with rmx.json and verify its contract: template, token ids and scores of the golden inputs.

    Raises:
        ExportError: Something differs from what the contract records.
        ModelError: Weights or tokenizer cannot be read.
    """
    contract = Contract.read(directory)
    check_directory(directory, key=_KEY)
    tokenizer = read_tokenizer(directory)
    renderer = Renderer(tokenizer, terminal=contract.terminal)
    verify_texts(directory, renderer, contract)
    if tokenizer.pad_token_id != contract.pad_id:
        raise _refusal(directory, f"the pad id is not {contract.pad_id}")
    if contract.padding == "right" and tokenizer.padding_side != "right":
        raise _refusal(directory, f"its tokenizer pads on the {tokenizer.padding_side}, recorded is right alone")
    model: SequenceModel
    if contract.method == "dpo":
        model, unpacked = load_implicit(directory, contract, layout=layout, cache=cache)
    else:
        model, unpacked = _explicit(directory, contract, layout)
    model.to(device)
    golden = renderer.encode([(g.prompt, g.completion) for g in contract.golden])
    scores = map_sequences(model, golden, BatchConfig(max_tokens=1), device=device)
    if wrong := contract.mismatch([float(s) for s in scores]):
        raise _refusal(directory, wrong)
    flags = (f"its texts are padded, not packed: {unpacked}",) if unpacked else ()
    return LoadedScorer(model, renderer, contract.max_length, contract, flags, "padded" if unpacked else layout)


def _explicit(directory: Path, contract: Contract, layout: str) -> tuple[RewardModel, str]:
    """Load the classifier of an export, and why it is padded where packed was asked for."""
    network = read_classifier(directory)
    if network.config.get_text_config().pad_token_id != contract.pad_id:
        raise _refusal(directory, f"the pad id is not {contract.pad_id}")
    parts = anatomy(network.config)
    weight, bias = f"{parts.head}.weight", f"{parts.head}.bias"
    # As stored: transformers casts it to the backbone's dtype.
    stored = stored_tensors(directory, (weight, bias))
    if weight not in stored:
        raise _refusal(directory, f"no file holds {weight}")
    read = reader(network, parts, layout, directory=directory)
    head = ScalarHead.of(stored[weight], stored.get(bias))
    model = RewardModel(network.base_model, head, read.layout, between=read.between)
    return model.eval().requires_grad_(False), read.unpacked


def verify_texts(directory: Path, renderer: Renderer, contract: Contract) -> None:
    """Compare the rendering of a directory's tokenizer with its contract.

    Raises:
        ExportError: Template, terminal token or the token ids of a golden input differ.
    """
    if renderer.terminal_id != contract.terminal_id:
        raise _refusal(
            directory, f"{contract.terminal} is token {renderer.terminal_id}, recorded is {contract.terminal_id}"
        )
    if renderer.template_hash != contract.template_hash:
        raise _refusal(
            directory, f"the chat template's hash is {renderer.template_hash}, recorded is {contract.template_hash}"
        )
    store = renderer.encode([(g.prompt, g.completion) for g in contract.golden])
    for number, golden in enumerate(contract.golden, start=1):
        if tuple(store.ids(number - 1).tolist()) != golden.ids:
            raise _refusal(directory, f"golden input {number} tokenises otherwise than recorded")


def _refusal(directory: Path, what: str) -> ExportError:
    return ExportError(
        f"{directory}: {what}; the reward would not mean what was judged: restore the exported files, or export again "
        f"(removing {CONTRACT_FILE} scores it as a foreign model, unverified)"
    )
