"""The latent world: answers as vectors of features, without a word of text, and what is true of them by quadrature."""

from rmx.worlds.best_of_n import BestOfN
from rmx.worlds.latent.annotators import Planted, planted
from rmx.worlds.latent.best_of_n import best_of_n
from rmx.worlds.latent.key import edit_effects, latent_key, reading_key
from rmx.worlds.latent.params import LatentParams, read_latent_params
from rmx.worlds.latent.presets import LatentWorld, latent_worlds
from rmx.worlds.latent.proxy_law import ProxyLaw, proxy_law
from rmx.worlds.latent.reward import LatentReward, read_latent_reward
from rmx.worlds.latent.tables import (
    SAMPLES,
    SLICES,
    latent_candidates,
    latent_leaks,
    latent_ledger,
    latent_samples,
    latent_scores,
)

__all__ = [
    "SAMPLES",
    "SLICES",
    "BestOfN",
    "LatentParams",
    "LatentReward",
    "LatentWorld",
    "Planted",
    "ProxyLaw",
    "best_of_n",
    "edit_effects",
    "latent_candidates",
    "latent_key",
    "latent_leaks",
    "latent_ledger",
    "latent_samples",
    "latent_scores",
    "latent_worlds",
    "planted",
    "proxy_law",
    "read_latent_params",
    "read_latent_reward",
    "reading_key",
]
