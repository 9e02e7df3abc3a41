"""Every public data set of pairs that conf/data names by its hub id: a row as published becomes the right pair.

Those of rankings make several of a row: `expand/test_rankings_format.py`.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from published import PUBLISHED

from rmx.config.schema import DataConfig, LossConfig, SplitConfig
from rmx.data.prepare import prepare
from rmx.data.sequences import build_pair_set

CONF = Path(__file__).parents[2] / "conf" / "data"
SETS = {file.stem: yaml.safe_load(file.read_text()) for file in CONF.glob("*.yaml")}
WITH_HUB = sorted(name for name, fields in SETS.items() if "hub" in fields and fields["format"] != "rankings")


def configured(name, path, **changes):
    return DataConfig(
        **{**SETS[name], "path": str(path), "split": SplitConfig(0.0, 0.0), "max_defects": 1.0, **changes}
    )


def test_every_set_with_a_hub_id_has_a_row_here():
    assert sorted(PUBLISHED) == WITH_HUB


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", WITH_HUB)
def test_a_published_row_becomes_its_pair(name, kind, tmp_path):
    row, made = PUBLISHED[name]
    file = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        file.write_text(json.dumps(row) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([row]), file)
    prepared = prepare(configured(name, file))
    (pair,) = prepared.splits["train"]
    assert pair.prompt == made.prompt
    assert (pair.chosen, pair.rejected, pair.strength, pair.votes) == (*made[1:4], made.votes)
    assert pair.tags == (made.tags or {})
    assert pair.label_source == configured(name, file).label_source
    ledger = prepared.ledger.to_json()
    assert (ledger["rows_in"], ledger["comparisons_in"], ledger["kept"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("helpsteer2", {"preference_strength": 0}, "tie_or_abstention"),
        ("arena", {"winner": "both_bad"}, "tie_or_abstention"),
        ("arena_2023", {"winner": "tie (bothbad)"}, "tie_or_abstention"),
        ("arena_2023", {"winner": "nobody"}, "unknown_label"),
        ("summarize_from_feedback", {"info": {"id": "1", "post": None, "subreddit": None}}, "invalid_text"),
    ],
)
def test_what_is_no_pair_leaves_with_its_reason(name, changes, reason, tmp_path):
    row, _ = PUBLISHED[name]
    # A second prompt, so that something stays.
    other = json.loads(json.dumps(row).replace("river", "lake").replace("keys", "gloves"))
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in ({**row, **changes}, other)))
    prepared = prepare(configured(name, file))
    assert [r.reason for r in prepared.rejections] == [reason]
    assert len(prepared.splits["train"]) == 1


def test_a_dialogue_in_which_each_model_answered_itself_has_no_common_prompt(tmp_path):
    row, _ = PUBLISHED["arena"]
    more = [*row["conversation_a"], *row["conversation_a"]], [*row["conversation_b"], *row["conversation_b"]]
    file = tmp_path / "rows.jsonl"
    longer = {**row, "conversation_a": more[0], "conversation_b": more[1]}
    file.write_text(json.dumps(longer) + "\n" + json.dumps(row) + "\n")
    assert [r.reason for r in prepare(configured("arena", file)).rejections] == ["context_mismatch"]


def test_an_image_is_said_not_dropped(tmp_path):
    row, _ = PUBLISHED["arena"]
    pictured = json.loads(json.dumps(row).replace('"type": "text"', '"type": "image"', 1))
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(pictured) + "\n" + json.dumps(row) + "\n")
    (rejection,) = prepare(configured("arena", file)).rejections
    assert (rejection.reason, "no text" in rejection.detail) == ("malformed_dialogue", True)


@pytest.mark.parametrize(("name", "margin"), [("ultrafeedback", 2.5), ("helpsteer3", 2.0), ("helpsteer2", 3.0)])
def test_a_published_strength_is_the_target_margin(name, margin, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(PUBLISHED[name][0]) + "\n")
    pairs = prepare(configured(name, file)).splits["train"]
    import numpy as np

    one = np.zeros(1, np.int64)
    built = build_pair_set(pairs, None, one, one, LossConfig(margin="strength"), soft_labels=False)
    assert built.margin.tolist() == [margin]
