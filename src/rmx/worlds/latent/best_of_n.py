"""Best-of-n, exactly: expected proxy and gold reward of the answer that a reward likes best among n."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rmx.worlds.best_of_n import BestOfN
from rmx.worlds.latent.params import LatentParams
from rmx.worlds.latent.policy import policy_of
from rmx.worlds.latent.proxy_law import proxy_law
from rmx.worlds.latent.reward import LatentReward

__all__ = ["best_of_n"]


def best_of_n(params: LatentParams, reward: LatentReward, sizes: Sequence[int], *, slice: str = "samples") -> BestOfN:
    """Return the curves, integrated over the proxy of the winner.

    With F and f the proxy's distribution and density over all answers, the winner of n has density n f F^(n-1).
    """
    if policy_of(params, slice).new_topics:
        raise ValueError(f"slice {slice} has new topics: its prompts differ in law, and no one curve holds for all")
    law = proxy_law(params, reward, slice)
    of_winner = [n * law.below ** (n - 1) * law.step for n in sizes]
    return BestOfN(
        n=np.array(sizes, dtype=np.float64),
        gold=np.array([winner @ law.gold for winner in of_winner]),
        proxy=np.array([winner @ (law.density * law.proxy) for winner in of_winner]),
    )
