"""Train and audit reward models, and decide whether a reward may be optimised against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from rmx.scorers.reward_model import Reward

__all__ = ["__version__", "load"]

__version__ = "0.1.0"


def load(reward: str | Path, **options: Any) -> Reward:
    """Load a reward model: `rmx.load(directory).score(prompts, completions)`.

    Args:
        reward: A finished run, its model/, a Hugging Face reward-model directory, or a hub id.
        options: device, max_tokens, layout, chat_template, terminal of `rmx.scorers.reward_model.load_reward`.

    Raises:
        ExportError: The contract of an rmx export does not hold.
        ModelError: The model cannot be reached or read, or is no reward model.
    """
    # Imported here: `import rmx` must stay free of torch.
    from rmx.scorers.reward_model import load_reward

    return load_reward(reward, **options)
