"""A reward model as a scorer of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmx.config.schema import BatchConfig
from rmx.data.tokenise import Text, encode
from rmx.data.tokens import TokenStore, encode_candidates, encode_renderable
from rmx.domain import Candidate, Message, Origin
from rmx.errors import DataError
from rmx.model.cache import default_cache
from rmx.model.contract import CONTRACT_FILE, Contract
from rmx.model.scoring import map_sequences
from rmx.scorers.base import Scored
from rmx.scorers.calibrated import RewardScale
from rmx.scorers.foreign import head_bytes, load_foreign
from rmx.scorers.loading import LoadedScorer, find_reward, load_export
from rmx.scorers.prompts import as_completion, as_prompt

__all__ = ["Reward", "RewardModelScorer", "load_foreign_reward", "load_reward", "place"]

Prompt = str | Sequence[Message] | Sequence[dict[str, Any]]
Completion = str | Mapping[str, Any]


class Reward:
    """A loaded reward model: prompts and completions in, float32 rewards out."""

    def __init__(
        self,
        loaded: LoadedScorer,
        identity: str,
        *,
        max_tokens: int,
        device: torch.device,
        name: str = "this reward",
    ) -> None:
        self.renderer = loaded.renderer
        self.contract: Contract | None = loaded.contract
        self.flags = loaded.flags
        """What is not known of a foreign model, in sentences."""
        self.max_length = loaded.max_length
        """Tokens that the model can read."""
        self.identity = identity
        """Changes with the weights' contract or source; a resumed scoring must have the same."""
        self.batch = BatchConfig(max_tokens=max_tokens, layout=loaded.layout)
        self.device = device
        self.network = loaded.network
        """Maps batches of token sequences to rewards."""
        self.scale = RewardScale.of(loaded.contract, name=name)

    def score(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[Completion],
        *,
        normalise: bool = False,
    ) -> NDArray[np.float32] | NDArray[np.float64]:
        """Return the rewards (n,) of n completions, each to the prompt of the same number.

        Args:
            prompts: Text (one user turn), or messages with role and content; the tools that a dialogue may use are a
                first message of role `tools`, with a list of them as content.
            completions: The assistant's turns, texts or messages.
            normalise: Give them as `RewardScale.normalise` does, float64.

        Raises:
            DataError: A text cannot be rendered or is too long; names its number.
            ModelError: `normalise` is asked for, and the scale is not known.
        """
        if normalise:
            self.scale.normalise(())  # refused before anything is computed
        rewards = self._score(prompts, completions)
        return self.scale.normalise(rewards) if normalise else rewards

    def preference(
        self, prompts: Sequence[Prompt], first: Sequence[Completion], second: Sequence[Completion]
    ) -> NDArray[np.float64]:
        """Return the chance (n,) that the first of two completions is preferred to the second, float64.

        Args:
            prompts: Text (one user turn), or messages with role and content.
            first: One completion of each prompt.
            second: Another one of each.

        Raises:
            DataError: As `score`.
            ModelError: The temperature is not known.
        """
        self.scale.preference((), ())
        return self.scale.preference(self._score(prompts, first), self._score(prompts, second))

    def _score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> NDArray[np.float32]:
        if isinstance(prompts, str) or isinstance(completions, str) or len(prompts) != len(completions):
            raise DataError("score: give a list of prompts and a list of completions of equal length")
        texts: list[Text] = []
        for number, (prompt, completion) in enumerate(zip(prompts, completions, strict=True), start=1):
            row, origin = {"prompt": prompt, "completion": completion}, Origin("score", number)
            texts.append((as_prompt(row, "prompt", origin), as_completion(row, "completion", origin)))
        store = encode(self.renderer, texts)
        for number in np.flatnonzero(store.lengths > self.max_length).tolist():
            raise DataError(
                f"score row {number + 1}: {self.too_long(int(store.lengths[number]))}; shorten or leave it out"
            )
        return self.rewards(store)

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return the rewards of n candidates; those that cannot be rendered or are too long have none, and a reason."""
        store, problems = encode_renderable(self.renderer, candidates)
        reasons = {number: f"{p.reason}: {p.detail}" for number, p in problems.items()}
        for number in np.flatnonzero(store.lengths > self.max_length).tolist():
            reasons[number] = f"over_length: {self.too_long(int(store.lengths[number]))}"
        good = np.array([i for i in range(len(candidates)) if i not in reasons], np.int64)
        values = np.full(len(candidates), np.nan)
        values[good] = self.rewards(store.select(good))
        return Scored(values, reasons)

    def rewards(self, store: TokenStore) -> NDArray[np.float32]:
        """Return the rewards (n,) of rendered sequences, none longer than `max_length`."""
        return map_sequences(self.network, store, self.batch, device=self.device)

    def too_long(self, tokens: int) -> str:
        """Say how a text is too long."""
        return f"{tokens:,} tokens, the model reads {self.max_length:,}"


class RewardModelScorer:
    """A reward model behind the Scorer protocol."""

    def __init__(self, reward: Reward, *, name: str = "model", cache_dir: Path | None = None) -> None:
        self.name = name
        self.reward = reward
        self.cache_dir = cache_dir

    def score(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return the rewards of n candidates, float64 (n,), in their order.

        Raises:
            DataError: A candidate cannot be rendered or is too long; names its id.
        """
        store = encode_candidates(self.reward.renderer, candidates, cache_dir=self.cache_dir)
        for number in np.flatnonzero(store.lengths > self.reward.max_length).tolist():
            raise DataError(
                f"candidate {candidates[number].candidate_id}: {self.reward.too_long(int(store.lengths[number]))}; "
                "lower data.max_length so that its pair leaves"
            )
        return self.reward.rewards(store).astype(np.float64)


def load_reward(
    reward: str | Path,
    *,
    device: str | None = None,
    max_tokens: int = 8192,
    layout: str = "packed",
    chat_template: str | None = None,
    terminal: str | None = None,
    cache: Path | None = None,
) -> Reward:
    """Load a reward model.

    An rmx export must hold its contract. A foreign directory is scored by its own forward, with what is unknown of it
    in `flags`.

    Args:
        reward: A finished run, its model/, a Hugging Face reward-model directory, or a hub id.
        device: Where it runs; None takes a GPU if there is one.
        max_tokens: Tokens of a batch, as its layout counts them.
        layout: For an rmx export: `packed`, or `padded`.
        chat_template: For a foreign model: Jinja text or file in place of the tokenizer's template.
        terminal: For a foreign model: the token that closes a text.
        cache: Where the weights of a policy's reference are kept if they have to be fetched; None means RMX_CACHE, else
            ~/.cache/rmx.

    Raises:
        ExportError: The contract of an rmx export does not hold.
        ModelError: The model cannot be reached or read, or is no reward model.
    """
    location = find_reward(reward)
    if not (location.path / CONTRACT_FILE).exists():
        return load_foreign_reward(
            reward, device=device, max_tokens=max_tokens, chat_template=chat_template, terminal=terminal
        )
    where = place(device)
    identity = hashlib.sha256((location.path / CONTRACT_FILE).read_bytes())
    loaded = load_export(location.path, device=where, layout=layout, cache=cache or default_cache())
    return Reward(loaded, identity.hexdigest()[:16], max_tokens=max_tokens, device=where, name=str(reward))


def load_foreign_reward(
    reward: str | Path,
    *,
    device: str | None = None,
    max_tokens: int = 8192,
    chat_template: str | None = None,
    terminal: str | None = None,
    trust_remote_code: bool = False,
) -> Reward:
    """Load a sequence classifier of one label as a foreign reward model, whether or not it has a contract of rmx.

    Args:
        reward: A Hugging Face reward-model directory or a hub id.
        device: As for `load_reward`, as are the next three.
        max_tokens: Tokens of a batch.
        chat_template: Jinja text or file in place of the tokenizer's template.
        terminal: The token that closes a text.
        trust_remote_code: Run the Python files that come with the weights.

    Raises:
        ModelError: The model cannot be reached or read, or is no reward model.
    """
    location = find_reward(reward, trust_remote_code=trust_remote_code)
    where = place(device)
    identity = hashlib.sha256((location.path / "config.json").read_bytes())
    identity.update(repr((chat_template, terminal, sorted(location.facts.items()))).encode())
    loaded = load_foreign(
        location, device=where, chat_template=chat_template, terminal=terminal, trust_remote_code=trust_remote_code
    )
    identity.update(head_bytes(loaded.network))
    return Reward(loaded, identity.hexdigest()[:16], max_tokens=max_tokens, device=where, name=str(reward))


def place(device: str | None) -> torch.device:
    """Return where a model runs: on `device`, or on a GPU if there is one."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
