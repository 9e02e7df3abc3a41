"""What the hidden state at the end of a text knows of it, by ending and by layer, before any training.

Texts of the access desk run through the embedded model, frozen. At the last token of each ending, a logistic regression
on differences of hidden states, each dimension scaled to unit variance, learns 1,000 pairs and judges 500 others; the
best of three penalties is shown. `varies` is the mean standard deviation of a dimension over the root mean square of
all: how little two texts differ where they are pooled.

    python bench/pooled_token.py
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from hh_sized import print_load
from rmx.config.schema import ModelConfig
from rmx.model.tokenizer import load_tokenizer
from rmx.model.weights import load_classifier
from rmx.worlds import WORLDS

ROOT = Path(__file__).resolve().parents[1]
ENDINGS = ("<|im_end|>", "<|im_end|>\n", "<|endoftext|>", "<|im_end|>\n<|endoftext|>", "<|im_end|>\n<|im_start|>")
LAYERS = (4, 6)
TRAIN = 1000


def states(backbone: torch.nn.Module, texts: Sequence[list[int]]) -> NDArray[np.float32]:
    """Return float32 (n, layers, hidden): hidden states at the last token of each text."""
    found = np.empty((len(texts), len(LAYERS), backbone.config.hidden_size), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 32):
        members = order[start : start + 32]
        ids = torch.zeros((len(members), max(len(texts[i]) for i in members)), dtype=torch.int64)
        for row, i in enumerate(members):
            ids[row, : len(texts[i])] = torch.tensor(texts[i])
        with torch.no_grad():
            hidden = backbone(input_ids=ids, output_hidden_states=True, use_cache=False).hidden_states
        for row, i in enumerate(members):
            found[i] = torch.stack([hidden[n][row, len(texts[i]) - 1] for n in LAYERS]).float().numpy()
    return found


def probe(chosen: NDArray[np.float32], rejected: NDArray[np.float32]) -> float:
    """Return the share of the later pairs that a linear probe fitted to the first `TRAIN` orders as labelled."""
    differences = (chosen - rejected) / np.concatenate([chosen, rejected]).std(0)
    train, test = differences[:TRAIN], differences[TRAIN:]

    def fit(penalty: float) -> NDArray[np.float64]:
        def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            z = train @ w
            slope = penalty * w - train.T @ expit(-z) / len(train)
            return float(np.logaddexp(0, -z).mean() + penalty / 2 * w @ w), slope

        return minimize(loss, np.zeros(train.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x

    return max(float((test @ fit(penalty) > 0).mean()) for penalty in (0.01, 0.1, 1.0))


def main() -> None:
    """Print one line per ending."""
    print_load()
    cache = Path(os.environ.get("RMX_CACHE", "~/.cache/rmx")).expanduser()
    config = ModelConfig(
        **yaml.safe_load((ROOT / "conf/model/smollm2-135m.yaml").read_text("utf-8")), layers=max(LAYERS)
    )
    # The final norm would stand in for the last layer's own output.
    tokenizer, backbone = load_tokenizer(config, cache), load_classifier(config, cache, seed=0).backbone.module
    backbone.norm = torch.nn.Identity()
    world = yaml.safe_load((ROOT / "conf/data/access_desk.yaml").read_text("utf-8"))["world"]
    rows = list(WORLDS[world.pop("name")].rows({**world, "pairs": TRAIN + 500}))
    print(f"{'ending':>30}" + "".join(f"{f'layer {n}: varies':>18}{'probe':>7}" for n in LAYERS))
    for ending in ENDINGS:
        sides = [
            states(backbone, [tokenizer(_rendered(r["prompt"], r[side], ending))["input_ids"] for r in rows])
            for side in ("chosen", "rejected")
        ]
        line = f"{ending!r:>30}"
        for k in range(len(LAYERS)):
            chosen, rejected = (s[:, k] for s in sides)
            both = np.concatenate([chosen, rejected])
            varies = both.std(0).mean() / np.sqrt((both**2).mean())
            line += f"{varies:>18.3f}{probe(chosen, rejected):>7.3f}"
        print(line, flush=True)


def _rendered(prompt: str, completion: str, ending: str) -> str:
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n{completion}{ending}"


if __name__ == "__main__":
    main()
