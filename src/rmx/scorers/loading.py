"""From a directory or hub id to a sequence scorer: an rmx export under its contract, or a foreign reward model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from rmx.config.schema import BatchConfig
from rmx.data.batch import SequenceBatch
from rmx.data.render import Renderer
from rmx.errors import ExportError, ModelError
from rmx.model.contract import CONTRACT_FILE, Contract
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.layouts.padded import pad_right
from rmx.model.quiet import quiet_loading
from rmx.model.reward_model import RewardModel
from rmx.model.scoring import map_sequences
from rmx.model.source import Location, check_directory, locate
from rmx.model.tokenizer import read_tokenizer, set_pad_token
from rmx.model.weights import context_length

__all__ = ["LoadedScorer", "find_reward", "load_export", "load_foreign", "verify_texts"]

_KEY = "reward"
_SCORE = "score.weight"


@dataclass(frozen=True)
class LoadedScorer:
    """A model that maps batches of token sequences to rewards, and how texts reach it."""

    network: nn.Module
    renderer: Renderer
    max_length: int
    """Tokens that the model can read."""
    contract: Contract | None
    flags: tuple[str, ...]
    """What is not known or not as rmx would have it, in sentences."""
    layout: str
    """How its batches run."""


class _Foreign(nn.Module):
    """Somebody's classification model, scored by its own forward: what it pools is part of what its score means."""

    def __init__(self, network: Any, pad_id: int) -> None:
        super().__init__()
        self.network = network
        self.pad_id = pad_id

    def forward(self, batch: SequenceBatch) -> Tensor:
        ids, mask = pad_right(batch, self.pad_id)
        logits: Tensor = self.network(input_ids=ids, attention_mask=mask).logits
        return logits[:, 0].float()


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
        raise ModelError(f"{path}: this run has no model/ yet; finish it with trainer.resume=auto")
    return locate(str(reward), key=_KEY, trust_remote_code=trust_remote_code)


def load_export(directory: Path, *, device: torch.device | str, layout: str) -> LoadedScorer:
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
    network = _classifier(directory)
    if network.config.get_text_config().pad_token_id != contract.pad_id or tokenizer.pad_token_id != contract.pad_id:
        raise _refusal(directory, f"the pad id is not {contract.pad_id}")
    head = ScalarHead(network.score.in_features, std=0.0, seed=0)
    with torch.no_grad():
        head.weight.copy_(_stored_head(directory))
    network.to(device)
    chosen, unpacked = adopt_layout(network.base_model, layout)
    model = RewardModel(network.base_model, head, chosen).to(device).eval().requires_grad_(False)
    golden = renderer.encode([(g.prompt, g.completion) for g in contract.golden])
    scores = map_sequences(model, golden, BatchConfig(max_tokens=1), device=device)
    if wrong := contract.mismatch([float(s) for s in scores]):
        raise _refusal(directory, wrong)
    flags = (f"its texts are padded, not packed: {unpacked}",) if unpacked else ()
    return LoadedScorer(model, renderer, contract.max_length, contract, flags, "padded" if unpacked else layout)


def load_foreign(
    location: Location,
    *,
    device: torch.device | str,
    chat_template: str | None,
    terminal: str | None,
    trust_remote_code: bool = False,
) -> LoadedScorer:
    """Load a sequence classifier of one label without rmx.json.

    Raises:
        ModelError: It cannot be read, has no reward head, or more than one label.
    """
    tokenizer = read_tokenizer(location.path, chat_template=chat_template, trust_remote_code=trust_remote_code)
    renderer = Renderer(tokenizer, terminal=terminal)
    network = _classifier(location.path, trust_remote_code=trust_remote_code)
    text = network.config.get_text_config()
    flags = ["no rmx.json: template, terminal token and scores are unverified, and the scale of the rewards is unknown"]
    if not type(network).__module__.startswith("transformers."):
        flags.append(f"its own code runs ({type(network).__name__}): what it pools and its head are its own")
    declared = text.pad_token_id
    if declared is None:
        rows = network.get_input_embeddings().weight.shape[0]
        declared = set_pad_token(tokenizer, rows=rows, avoid=renderer.terminal_id)
        text.pad_token_id = network.config.pad_token_id = declared
        flags.append(f"the model names no pad token; padded with {tokenizer.pad_token} (id {declared})")
    elif declared == renderer.terminal_id and isinstance(getattr(network, "score", None), nn.Linear):
        flags.append(
            f"its pad token is also the closing token {renderer.terminal} (id {declared}): "
            "its own pooling scores the token before"
        )
    after = renderer.suffix.partition(renderer.terminal)[2]
    if renderer.terminal not in renderer.suffix:
        flags.append(f"its chat template does not close a completion with {renderer.terminal}; it is appended")
    elif after:
        flags.append(f"its chat template writes {after!r} after the closing token; it is left off")
    if flag := _float32_head(network):
        flags.append(flag)
    model = _Foreign(network, declared).to(device).eval().requires_grad_(False)
    return LoadedScorer(model, renderer, context_length(network.config), None, tuple(flags), "padded")


def _float32_head(network: Any) -> str:
    """Run the head in float32 whatever the backbone's dtype; return a flag where the head is not known, else nothing.

    At rewards of 8 to 16 bfloat16 has steps of 0.0625: pairs would tie that the model does tell apart.
    """
    dtype = network.dtype
    if dtype not in (torch.bfloat16, torch.float16):
        return ""
    head = getattr(network, "score", None)
    # Subclasses of Linear (quantised, adapted) have arithmetic of their own.
    if type(head) is not nn.Linear:
        return f"its head runs in {str(dtype).removeprefix('torch.')}: rewards are coarse, and close ones tie"
    # A hook on the head leaves the model's own pooling, which comes after it, as it is.
    head.float().register_forward_pre_hook(lambda _, inputs: tuple(x.float() for x in inputs))
    return ""


def _classifier(directory: Path, *, trust_remote_code: bool = False) -> Any:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        with quiet_loading():
            config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trust_remote_code)
            if config.num_labels != 1:
                raise ModelError(
                    f"{directory}: a classifier of {config.num_labels} labels, a reward model has one; "
                    "mend reward, or set num_labels to 1 in a local copy if its head has one output"
                )
            config.use_cache = False
            network, report = AutoModelForSequenceClassification.from_pretrained(
                directory,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                trust_remote_code=trust_remote_code,
            )
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{directory}: the reward model cannot be loaded ({reason}); fetch or export it again"
        ) from error
    absent = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if absent:
        raise ModelError(
            f"{directory}: {len(absent)} weights are missing, first {absent[0]}; "
            "a reward model needs its trained head, a language model alone has none"
        )
    return network


def _stored_head(directory: Path) -> Tensor:
    """Return the head as stored: transformers casts it to the backbone's dtype."""
    for file in sorted(directory.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            if _SCORE in tensors.keys():  # noqa: SIM118 (no mapping)
                stored: Tensor = tensors.get_tensor(_SCORE)
                return stored
    raise _refusal(directory, f"no file holds {_SCORE}")


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
