"""Causal language models as judged scorers: where they lie, how texts reach them, and what is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmx.config.schema import ModelConfig
from rmx.data.files import content_hash
from rmx.data.render import Renderer
from rmx.errors import ModelError
from rmx.model.adapter import read_adapter
from rmx.model.model_config import context_length
from rmx.model.sequence_model import SequenceModel
from rmx.model.source import Location, locate
from rmx.model.tokenizer import read_tokenizer
from rmx.scorers.implicit import load_likelihood
from rmx.scorers.kind import Surroundings
from rmx.scorers.loading import LoadedScorer
from rmx.scorers.reward_model import Reward, place

if TYPE_CHECKING:
    from rmx.model.language_model import CompletionLikelihood

__all__ = ["LanguageModel", "as_reward", "check_vocabularies", "open_language_model"]

_ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class LanguageModel:
    """A loaded causal LM with the text side of it."""

    likelihood: CompletionLikelihood
    tokenizer: Any
    unpacked: str
    """Why its texts are padded where packed was asked for."""
    readable: int
    """Tokens that it can read."""
    identity: str
    """Changes with its configuration, source and weights."""
    adapted: bool
    """An adapter lies on it, and without it the model is its base."""


def open_language_model(
    source: str, around: Surroundings, *, key: str, dtype: str, chat_template: str | None = None
) -> LanguageModel:
    """Load a causal LM, or a local peft adapter on the base that its configuration names.

    Args:
        source: Model directory, hub id, or the directory of an adapter.
        around: Layout, device and cache.
        key: The configuration key that named it, for messages.
        dtype: Of the weights.
        chat_template: Jinja text or a .jinja file in place of the tokenizer's template.

    Raises:
        ModelError: It cannot be reached or read, or is no causal LM.
    """
    adapter = Path(source).expanduser()
    adapted = (adapter / _ADAPTER_CONFIG).is_file() and not (adapter / "config.json").exists()
    location = locate(_base_of(adapter, key) if adapted else source, key=key)
    model = ModelConfig(source=str(location.path), dtype=dtype)
    likelihood, unpacked, network = load_likelihood(model, layout=around.layout, cache=around.cache)
    described = [location.path / "config.json"]
    if location.facts["kind"] == "directory":
        # A path says where the weights were, not which.
        described += sorted(location.path.glob("*.safetensors"))
    if adapted:
        read_adapter(network, adapter)
        described += [adapter / _ADAPTER_CONFIG, adapter / "adapter_model.safetensors"]
    likelihood.eval().requires_grad_(False)
    own = adapted and (adapter / "tokenizer.json").exists()
    tokenizer = read_tokenizer(adapter if own else location.path, chat_template=chat_template)
    identity = _identity(location, described, dtype)
    return LanguageModel(likelihood, tokenizer, unpacked, context_length(network.config), identity, adapted)


def check_vocabularies(policy: LanguageModel, reference: LanguageModel) -> None:
    """Refuse two models that read the same token ids as different text.

    Raises:
        ModelError: A token of the reference has another id in the policy.
    """
    mine = policy.tokenizer.get_vocab()
    other = next((t for t, i in reference.tokenizer.get_vocab().items() if mine.get(t) != i), None)
    if other is not None:
        raise ModelError(
            f"the policy's tokenizer knows {other!r} as {mine.get(other)}, the reference's as another id; "
            "give the model that the policy was trained from as reference"
        )


def as_reward(
    network: SequenceModel,
    models: Sequence[LanguageModel],
    around: Surroundings,
    *,
    terminal: str | None,
    parameters: object,
) -> Reward:
    """Return a scorer of token ids.

    Args:
        network: What scores.
        models: What it is made of; texts are rendered as the first one's tokenizer has it.
        around: Device and tokens of a batch.
        terminal: Token that closes a text; None takes the tokenizer's end token.
        parameters: Of the scorer, part of its identity.
    """
    renderer = Renderer(models[0].tokenizer, terminal=terminal)
    flags = ["no rmx.json: template and terminal token are unverified, and the scale of the rewards is unknown"]
    unpacked = next((m.unpacked for m in models if m.unpacked), "")
    if unpacked:
        flags.append(f"its texts are padded, not packed: {unpacked}")
    where = place(around.device)
    loaded = LoadedScorer(
        network=network.to(where).eval(),
        renderer=renderer,
        max_length=min(m.readable for m in models),
        contract=None,
        flags=tuple(flags),
        layout="padded" if unpacked else around.layout,
    )
    identity = hashlib.sha256(repr((parameters, [m.identity for m in models])).encode())
    return Reward(loaded, identity.hexdigest()[:16], max_tokens=around.max_tokens, device=where)


def _base_of(adapter: Path, key: str) -> str:
    file = adapter / _ADAPTER_CONFIG
    try:
        base = json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{file}: cannot be read ({type(error).__name__}); mend {key}") from error
    if not base:
        raise ModelError(f"{file}: names no base_model_name_or_path; add the base that the adapter was trained on")
    return str(base)


def _identity(location: Location, described: list[Path], dtype: str) -> str:
    facts = repr((sorted(location.facts.items()), dtype, content_hash(described)))
    return hashlib.sha256(facts.encode()).hexdigest()
