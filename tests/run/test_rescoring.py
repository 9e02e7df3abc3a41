"""Texts scored again: our own layouts agree with themselves, a scorer that looks at its neighbours is caught."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.model.shapes import tiny_backbone
from tests.stores import store_of

from rmx.audits.determinism import RESCORED, Determinism
from rmx.audits.evidence import Evidence
from rmx.audits.runner import run_audits
from rmx.config.schema import BatchConfig
from rmx.data.slices import Slice
from rmx.domain import AuditResult, Message, Origin, PreferencePair
from rmx.model import RewardModel
from rmx.model.head import ScalarHead
from rmx.model.layouts import adopt_layout
from rmx.model.scoring import map_sequences
from rmx.run.corpus import SliceData
from rmx.run.rescoring import rescore
from rmx.score_table import CandidateTable, Comparisons, join_scores
from rmx.scorers.slice_texts import collect_texts

AUDIT = Determinism(items=12, tolerance={"max_change": (None, 1e-4)})
BATCH = BatchConfig(max_tokens=64, layout="packed")


@pytest.fixture(scope="module")
def data() -> SliceData:
    """20 pairs over ten prompts, as random token ids that share their prompt's."""
    rng = np.random.default_rng(0)
    pairs = [
        PreferencePair(
            f"p{i}", (Message("user", f"{i // 2}"),), f"c{i}", f"r{i}", Origin("memory", i), group=f"g{i // 2}"
        )
        for i in range(20)
    ]
    texts = collect_texts("heldout", pairs)
    heads = {f"{k}": rng.integers(2, 64, int(rng.integers(3, 12))).tolist() for k in range(10)}
    ids = [[*heads[c.prompt[0].content], *rng.integers(2, 64, int(rng.integers(1, 9))), 1] for c in texts.candidates]
    part = Slice("heldout", tuple(pairs), "heldout", None, len(pairs))
    return SliceData(part, texts, Comparisons.from_pairs(pairs, slice="heldout"), store_of(ids))


def model_of(layout: str, *, frozen: bool = False) -> RewardModel:
    backbone = tiny_backbone("llama")
    run, reason = adopt_layout(backbone, layout)
    assert not reason
    return RewardModel(backbone, ScalarHead(32, std=None, seed=0), run, frozen=frozen).train()


def audited(data: SliceData, network: Any, batch: BatchConfig) -> tuple[dict[str, AuditResult], set[str]]:
    rewards = map_sequences(network, data.store, batch).astype(np.float64)
    again = rescore([AUDIT], {"heldout": data}, network, batch, "cpu")["heldout"]
    table = CandidateTable(pa.concat_tables([data.texts.scored("model", rewards).table, again.table]))
    scores = {"heldout": join_scores(table, data.comparisons)}
    results = run_audits([AUDIT], Evidence(scores=scores, candidates={"heldout": table}))
    return {r.metric: r for r in results}, set(again.of("model", probe=RESCORED)["variant"].to_pylist())


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_our_layouts_agree_with_themselves_and_with_the_padded_one(layout: str, frozen: bool, data: SliceData) -> None:
    model = model_of(layout, frozen=frozen)
    before = (model.layout, model.training, model.backbone.config._attn_implementation)
    found, variants = audited(data, model, BatchConfig(max_tokens=64, layout=layout))
    assert found["max_change"].status == "PASS"
    assert found["flip_rate"].estimate == 0
    assert found["flip_rate"].n_pairs == 12
    assert variants == {"alone", "shuffled", "small_batches"} | ({"padded"} if layout == "packed" else set())
    assert (model.layout, model.training, model.backbone.config._attn_implementation) == before


class _Neighbourly(torch.nn.Module):
    """Scores a text by its length and by how many texts stand beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, batch: Any) -> torch.Tensor:
        return self.weight * (batch.lengths.float() + 0.3 * len(batch))


def test_a_scorer_that_looks_at_its_neighbours_is_caught(data: SliceData) -> None:
    found, _ = audited(data, _Neighbourly(), BATCH)
    assert found["max_change"].status == "FAIL"
    assert found["max_change"].detail["ways"]["alone"]["max_change"] > 0.01


def test_nothing_is_scored_again_unless_an_audit_asks(data: SliceData) -> None:
    assert rescore([], {"heldout": data}, _Neighbourly(), BATCH, "cpu") == {}
    assert rescore([AUDIT], {"validation": data}, _Neighbourly(), BATCH, "cpu") == {}
