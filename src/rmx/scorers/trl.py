"""Kind `trl`: what TRL's RewardTrainer leaves, full or as an adapter, rendered and pooled as in its training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rmx.errors import ModelError
from rmx.scorers.kind import ScorerKind, Surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from rmx.data.tokenise import TextRenderer
    from rmx.scorers.reward_model import Reward

__all__ = ["Trl"]

_ADAPTER = "adapter_config.json"


@dataclass(frozen=True, kw_only=True)
class Trl(ScorerKind):
    """Which of the two forms the training rows had is not saved; nor is it in the weights."""

    text: Literal["auto", "conversational", "standard"] = "auto"
    """`conversational`: the tokenizer's chat template as it is. `standard`: prompt and completion joined, the end token
    added. `auto`: conversational where the tokenizer has a chat template."""
    base: str | None = None
    """Of an adapter: the base model, directory or hub id; null takes what its configuration names."""

    kind: ClassVar[str] = "trl"

    @property
    def reads_reward(self) -> bool:
        """The output directory, or one of its checkpoints."""
        return True

    def load(self, around: Surroundings) -> Reward:
        """Load the model and the rendering that it was trained with.

        Raises:
            ModelError: It cannot be read, or its head was not trained or not saved.
        """
        from pathlib import Path

        from rmx.model.model_config import context_length
        from rmx.scorers.foreign import ForeignModel, float32_head, head_bytes
        from rmx.scorers.loading import LoadedScorer
        from rmx.scorers.reward_model import Reward, place

        named = around.named_reward()
        directory = Path(named).expanduser()
        is_adapter = (directory / _ADAPTER).is_file()
        directory, network = self._adapted(directory) if is_adapter else _full(named)
        tokenizer, renderer, form = self._rendering(directory)
        pad = _pad_id(network, tokenizer, is_adapter=is_adapter)
        flags = [
            f"rendered as TRL renders {form} rows; which form it was trained on is not saved (scorer.trl.text)",
            *([flag] if (flag := float32_head(network)) else []),
        ]
        if pad == tokenizer.eos_token_id:
            flags.append(f"its pad token is the end token (id {pad}), so its own pooling scores the token before it")
        where = place(around.device)
        model = ForeignModel(network, pad).to(where).eval().requires_grad_(False)
        loaded = LoadedScorer(model, renderer, context_length(network.config), None, tuple(flags), "padded")
        described = (directory / (_ADAPTER if is_adapter else "config.json")).read_bytes()
        identity = hashlib.sha256(described + repr((str(directory.resolve()), self.base, form)).encode())
        identity.update(head_bytes(network))
        return Reward(loaded, identity.hexdigest()[:16], max_tokens=around.max_tokens, device=where)

    def _rendering(self, directory: Path) -> tuple[Any, TextRenderer, str]:
        from rmx.model.tokenizer import read_tokenizer
        from rmx.scorers.trl_text import Conversation, StandardText

        tokenizer = read_tokenizer(directory, needs_template=self.text == "conversational")
        form = self.text
        if form == "auto":
            form = "conversational" if tokenizer.chat_template else "standard"
        return tokenizer, Conversation(tokenizer) if form == "conversational" else StandardText(tokenizer), form

    def _adapted(self, directory: Path) -> tuple[Path, Any]:
        from rmx.model.source import locate
        from rmx.scorers.classifier import read_weights
        from rmx.scorers.trl_adapter import attach

        try:
            named = json.loads((directory / _ADAPTER).read_text(encoding="utf-8")).get("base_model_name_or_path")
        except (OSError, ValueError, AttributeError) as error:
            raise ModelError(f"{directory / _ADAPTER}: cannot be read ({error}); save the adapter again") from None
        base = self.base or named
        if not base:
            raise ModelError(f"{directory / _ADAPTER}: names no base model; set scorer.trl.base")
        network, absent = read_weights(locate(base, key="scorer.trl.base").path, new_head=True)
        return directory, attach(network, directory, absent)


def _full(reward: str) -> tuple[Path, Any]:
    from rmx.scorers.classifier import read_classifier
    from rmx.scorers.loading import find_reward

    path = find_reward(reward).path
    return path, read_classifier(path)


def _pad_id(network: Any, tokenizer: Any, *, is_adapter: bool) -> int:
    """Return the pad token's id, by which the model finds what to pool, as the trainer set it."""
    text = network.config.get_text_config()
    if is_adapter or text.pad_token_id is None:
        # The trainer writes its choice to the configuration, which is not saved with an adapter: the tokenizer is.
        own = tokenizer.pad_token_id
        text.pad_token_id = network.config.pad_token_id = tokenizer.eos_token_id if own is None else own
    return int(text.pad_token_id)
