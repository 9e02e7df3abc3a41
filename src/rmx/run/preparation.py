"""Only the data: prepared, measured against the model's tokenizer, held against slices, written and summed up."""

from __future__ import annotations

from pathlib import Path

from rmx.config.schema import Config
from rmx.data.render import Renderer
from rmx.data.slices import build_slice
from rmx.data.split import is_cross_fit
from rmx.data.summary import summarise
from rmx.model.tokenizer import load_tokenizer
from rmx.run.corpus import prove_slices
from rmx.run.directory import RunDirectory
from rmx.run.encoding import encode_prepared, given_steps

__all__ = ["prepare_data"]


def prepare_data(config: Config) -> int:
    """Prepare the configured data and write the ledger, the rejections and the split."""
    directory = RunDirectory.claim(Path(config.paths.run))
    cache = Path(config.paths.cache)
    renderer = Renderer(load_tokenizer(config.model, cache), terminal=config.model.terminal)
    prepared, _ = encode_prepared(config.data, renderer, cache=cache, steps=given_steps(config))
    if not is_cross_fit(config.data.split):  # else each fold's run holds its own train part against its own slices
        slices = [
            build_slice(n, spec, prepared, config.data, cache=cache / "data", tokens=renderer.given)
            for n, spec in config.slice.items()
        ]
        prepared = prove_slices(prepared, slices, config.data)
    prepared.write(directory.data)
    print(summarise(prepared.ledger))
    print(f"Ledger: {directory.data / 'ledger.json'}")
    return 0
