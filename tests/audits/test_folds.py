"""Scores of several models: no audit's answer depends on the shift and scale of a single one."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from test_audit_runner import BENCHMARKS, GIVEN, SLICES, TAGS, probed, triads

from rmx.audits import AUDITS, Evidence, run_audits
from rmx.audits.folds import count_folds, standardised
from rmx.errors import DataError
from rmx.score_table import FOLD_TAG, CandidateTable, ScoreTable, folds_of, pool_folds

SCORERS = ("model", "longer", "shorter", "bag_of_words", "reference")
LOG_ODDS = {"margin", "calibration", "determinism"}
"""Audits that read the margin, or the reward, in the unit that the model gave it."""
MODELS = {"0": (0.0, 1.0), "1": (7.0, 0.2), "2": (-40.0, 30.0)}
"""Shift and factor of each fold's model."""


@cache
def parts(apart: bool) -> dict[str, dict[str, ScoreTable]]:
    """Twelve groups of each fold, by slice and fold; with `apart` each model's rewards are shifted and scaled."""
    rng, n = np.random.default_rng(0), 36
    found: dict[str, dict[str, ScoreTable]] = {}
    for fold, (shift, factor) in MODELS.items():
        columns = {
            "chosen_tokens": rng.integers(5, 50, n),
            "rejected_tokens": rng.integers(5, 50, n),
            "agreement": rng.choice([0.7, 1.0], n),
            "tags": [json.dumps({key: values[i % len(values)] for key, values in TAGS.items()}) for i in range(n)],
        }
        for slice in (*SLICES, "validation"):
            tables = [named(triads(rng, n // 3, slice=slice, scorer=s, **columns), fold) for s in SCORERS]
            if apart:
                tables = [ScoreTable(moved(table.table, shift, factor)) for table in tables]
            found.setdefault(slice, {})[fold] = tables[0].merge(*tables[1:])
    return found


def evidence(name: str, *, apart: bool) -> Evidence:
    """Scores of all folds, with the edits that an audit reads."""
    edits = []
    for fold, (shift, factor) in MODELS.items():
        # Of the rewards before they were moved, so that both kinds of evidence have the same edits.
        rows = probed(name, model_alone(parts(False)["heldout"][fold])).table
        for column in ("group", "prompt_id"):
            rows = with_prefix(rows, column, f"{fold} ")
        edits.append(moved(rows, shift, factor) if apart else rows)
    scores = {slice: pool_folds(of_folds) for slice, of_folds in parts(apart).items()}
    return Evidence(scores, {"heldout": CandidateTable(pa.concat_tables(edits))})


def model_alone(table: ScoreTable) -> ScoreTable:
    return ScoreTable(table.table.filter(pc.equal(table.table["scorer"], "model")))


def named(table: ScoreTable, fold: str) -> ScoreTable:
    """Give pairs, groups and texts names of their own in each fold."""
    rows = table.table
    for column in ("pair_id", "group", "chosen_id", "rejected_id"):
        rows = with_prefix(rows, column, f"{fold} ")
    return ScoreTable(rows)


def with_prefix(rows: pa.Table, column: str, prefix: str) -> pa.Table:
    values = pa.array([f"{prefix}{value}" for value in rows[column].to_pylist()])
    return rows.set_column(rows.schema.get_field_index(column), column, values)


def moved(rows: pa.Table, shift: float, factor: float) -> pa.Table:
    for column in {"reward", "chosen_reward", "rejected_reward"} & set(rows.column_names):
        values = pa.array(shift + factor * rows[column].to_numpy())
        rows = rows.set_column(rows.schema.get_field_index(column), column, values)
    return rows


# Those of samples, of a judge and of the ledger alone read no rewards of pairs.
@pytest.mark.parametrize("name", sorted(set(AUDITS) - {*BENCHMARKS, *LOG_ODDS, "position_bias"}))
def test_no_answer_depends_on_the_scale_of_a_folds_model(name: str) -> None:
    few = {"draws": 50} if "draws" in AUDITS[name].__dataclass_fields__ else {}
    audit = AUDITS[name](scorers=("model",), **GIVEN.get(name, {}), **few)
    together, apart = (run_audits([audit], evidence(name, apart=apart)) for apart in (False, True))
    for one, other in zip(together, apart, strict=True):
        assert (one.metric, one.status, one.reason) == (other.metric, other.status, other.reason)
        for x, y in ((one.estimate, other.estimate), (one.ci_low, other.ci_low), (one.ci_high, other.ci_high)):
            assert (x is None) == (y is None)
            assert x is None or y == pytest.approx(x, rel=1e-7, abs=1e-9)
        if AUDITS[name].reads_folds == "never":
            assert other.reason in ("not_applicable", "not_provided")
            assert other.estimate is None


def test_standardised_rewards_have_mean_nought_and_margins_deviation_one_in_every_fold() -> None:
    found = standardised(evidence("length_effect", apart=True))
    table = found.scores["heldout"]
    view = table.view("model")
    folds = np.array([tags[FOLD_TAG] for tags in view.tags()])
    for fold in MODELS:
        here = folds == fold
        assert view.margins[here].std() == pytest.approx(1)
        assert np.concatenate([view.chosen[here], view.rejected[here]]).mean() == pytest.approx(0, abs=1e-9)
    assert count_folds(found) == 3


def test_one_models_evidence_is_left_alone() -> None:
    plain = Evidence({"heldout": triads(np.random.default_rng(0), 10)})
    assert count_folds(plain) == 0
    assert folds_of(plain.scores["heldout"]) is None
    assert standardised(plain).scores["heldout"].digest == plain.scores["heldout"].digest


def test_a_pair_that_two_folds_scored_is_refused() -> None:
    table = triads(np.random.default_rng(0), 4)
    with pytest.raises(DataError, match="two rows share"):
        pool_folds({"0": table, "1": table})
