"""Samples of a slice as one scorer sees them: the rewards and gold rewards of every prompt's completions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Samples", "samples_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Prompts with their samples; a completion that was drawn several times stands several times."""

    prompts: list[str]
    """Ids of the prompts, sorted; (P,)."""
    groups: NDArray[np.str_]
    """Group of each prompt, (P,)."""
    candidates: list[NDArray[np.str_]]
    """Per prompt the candidate of each sample, (N_p,)."""
    rewards: list[Floats]
    gold: list[Floats]
    """Gold rewards; NaN where one is not known."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Samples of each prompt, (P,)."""
        return np.array([len(rewards) for rewards in self.rewards])

    @property
    def has_gold(self) -> bool:
        """Every sample has a gold reward."""
        return all(np.isfinite(gold).all() for gold in self.gold)


def samples_of(rows: pa.Table) -> Samples:
    """Build from one scorer's original candidates; where rows name no prompt, a group is one prompt."""
    named = pc.equal(rows["prompt_id"], "")
    table = rows.set_column(
        rows.schema.get_field_index("prompt_id"), "prompt_id", pc.if_else(named, rows["group"], rows["prompt_id"])
    ).sort_by([("prompt_id", "ascending"), ("candidate_id", "ascending")])
    repeats = table["count"].fill_null(1).to_numpy()
    prompts, first, sizes = np.unique(
        table["prompt_id"].to_numpy(zero_copy_only=False).astype(str), return_index=True, return_counts=True
    )
    ends = np.cumsum(repeats)[first + sizes - 1]

    def per_prompt(name: str, kind: type) -> list[NDArray[np.generic]]:
        values = table[name].to_numpy(zero_copy_only=False).astype(kind)
        return np.split(np.repeat(values, repeats), ends[:-1])

    return Samples(
        prompts=prompts.tolist(),
        groups=table["group"].to_numpy(zero_copy_only=False).astype(str)[first],
        candidates=per_prompt("candidate_id", str),  # type: ignore[arg-type]
        rewards=per_prompt("reward", float),  # type: ignore[arg-type]
        gold=per_prompt("gold", float),  # type: ignore[arg-type]
    )
