"""What a scorer is judged on: the data of its own run, or the data and slices that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rmx.audits.base import Audit
from rmx.config.schema import Config, DataConfig
from rmx.config.strict import build_strict
from rmx.data.given_tokens import GivenTokens
from rmx.data.own_slices import own_slices, source_slices
from rmx.data.prepare import prepare
from rmx.data.prepared import Prepared
from rmx.data.slices import Slice, build_slice
from rmx.data.summary import summarise
from rmx.errors import ConfigError, RunError
from rmx.run.corpus import TextSlice, build_slice_data, prove_slices
from rmx.run.encoding import encode_prepared
from rmx.run.finished import FinishedRun
from rmx.run.text_slices import build_text_slice
from rmx.scorers.base import PairwiseJudge
from rmx.scorers.kind import JudgedScorer
from rmx.scorers.reward_model import Reward

__all__ = ["build_judged_slices", "is_given"]


def is_given(data: DataConfig) -> bool:
    """Whether data were given to judge on."""
    return data.path is not None or data.hub is not None or data.format == "synthetic" or bool(data.sources)


def build_judged_slices(
    config: Config, own: FinishedRun | None, scorer: JudgedScorer, audits: Sequence[Audit], cache: Path
) -> tuple[Prepared | None, Mapping[str, TextSlice]]:
    """Return the data of the run that is judged on its own, else None, and what the scorer is judged on.

    A scorer that reads token ids gets them, one that reads texts gets texts. A pairwise judge gets no edited texts,
    which are compared by their level, and no slices of samples, which have no pairs.

    Raises:
        ConfigError: Nothing to judge on.
        RunError: The run's data have changed since it was trained.
    """
    prepared, slices, data = _slices(config, own, scorer, cache)
    if isinstance(scorer, Reward):
        return prepared, {
            s.name: build_slice_data(
                s, scorer.renderer, audits, data.max_length, cache=cache, readable=scorer.max_length
            )
            for s in slices
        }
    print(
        "note: this scorer has no tokenizer: lengths are counted in words and punctuation, data.max_length is not read"
    )
    if isinstance(scorer, PairwiseJudge):
        for name in [s.name for s in slices if s.samples]:
            print(f"note: slice {name} has samples and no pairs, which a pairwise judge does not score")
        return prepared, {s.name: build_text_slice(s, ()) for s in slices if not s.samples}
    return prepared, {s.name: build_text_slice(s, audits) for s in slices}


def _slices(
    config: Config, own: FinishedRun | None, scorer: JudgedScorer, cache: Path
) -> tuple[Prepared | None, list[Slice], DataConfig]:
    prepared: Prepared | None = None
    data = config.data
    tokens = scorer.renderer.given if isinstance(scorer, Reward) else None
    slices: list[Slice] = []
    specs: dict[str, Any] = dict(config.slice)
    if own is not None and isinstance(scorer, Reward):
        data = own.data
        prepared = _as_trained(own, encode_prepared(data, scorer.renderer, cache=cache, steps=own.steps)[0])
        print(summarise(prepared.ledger))
        specs = {**own_slices(prepared), **(own.config.get("slice") or {}), **specs}
    elif is_given(data):
        slices += _all_pairs(data, cache, tokens)
    elif not specs:
        raise ConfigError("data: missing value; this reward brings no data of its own, give data=NAME or slice=[NAME]")
    slices += [build_slice(n, spec, prepared, data, cache=cache / "data", tokens=tokens) for n, spec in specs.items()]
    if prepared is not None:
        prepared = prove_slices(prepared, slices, replace(data, benchmarks=config.data.benchmarks or data.benchmarks))
    return prepared, slices, data


def _as_trained(run: FinishedRun, prepared: Prepared) -> Prepared:
    """Return the data if they are those that the run was trained on.

    Other rows split otherwise: a pair that trained the model could be called heldout, and nothing would show it.

    Raises:
        RunError: They have changed since.
    """
    now = {"data": prepared.fingerprint, "split": prepared.ledger.split_fingerprint}
    for name, fingerprint in now.items():
        if run.fingerprints.get(name) != fingerprint:
            raise RunError(
                f"{run.directory.path}: its {name} has changed since (fingerprint {fingerprint}, in training "
                f"{run.fingerprints.get(name)}); bring the data back, or give others to judge on with data=NAME"
            )
    return prepared


def _all_pairs(data: DataConfig, cache: Path, tokens: GivenTokens | None) -> list[Slice]:
    """Return every pair of the data as heldout, none of them has to be set aside to train on; and each source's."""
    whole = build_strict(DataConfig, {**asdict(data), "split": {"validation": 0.0, "heldout": 0.0}}, where="data")
    prepared = prepare(whole, cache=cache / "data", tokens=tokens)
    print(summarise(prepared.ledger))
    pairs = prepared.splits["train"]
    whole_slice = Slice("heldout", pairs, "data", None, len(pairs), prepared.ledger, prepared.rejections)
    parts = source_slices({"heldout": pairs}, prepared.ledger.accounts)
    return [whole_slice, *(replace(whole_slice, name=name, pairs=part) for name, (_, _, part) in parts.items())]
