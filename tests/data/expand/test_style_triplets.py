from __future__ import annotations

import pytest

from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.domain import Message, Origin
from rmx.errors import DataError

ROW = {"id": 7, "prompt": "Q?", "chosen": ["a", "a a", "**a**"], "rejected": ["b", "b b", "**b**"], "kind": "xstest"}
STYLES = ["concise", "detailed", "detailed_markdown"]


def expand(row, file="rm-bench/safety-response.jsonl.gz", **columns):
    data = DataConfig(format="style_triplets", columns={"prompt": "prompt", **columns})
    return list(build_adapter(data)(Origin(file, 4), row))


def test_a_row_is_nine_comparisons_one_of_each_cell():
    found = [c.oriented("x") for c in expand(ROW, tags=["kind"])]
    assert {(p.chosen, p.rejected) for p in found} == {(a, b) for a in ROW["chosen"] for b in ROW["rejected"]}
    for pair in found:
        assert pair.prompt == (Message("user", "Q?"),)
        assert STYLES[ROW["chosen"].index(pair.chosen)] == pair.tags["style_chosen"]
        assert STYLES[ROW["rejected"].index(pair.rejected)] == pair.tags["style_rejected"]
        assert (pair.tags["kind"], pair.tags["domain"]) == ("xstest", "safety")


def test_an_id_stays_unique():
    ids = [c.given_id for c in expand(ROW, id="id")]
    assert len(set(ids)) == 9
    assert ids[1] == "7/concise/detailed"
    # Without one, of the content and the styles: a cell whose texts are those of another has its own.
    twins = [c.given_id for c in expand({**ROW, "chosen": ["a", "b c", "b c"]})]
    assert len(set(twins)) == 9
    assert twins == [c.given_id for c in expand({**ROW, "chosen": ["a", "b c", "b c"]}, "elsewhere.json")]


@pytest.mark.parametrize(
    ("file", "columns", "row", "domain"),
    [
        ("chat_filtered.json", {}, {}, "chat"),
        ("total_dataset.json", {"domain": "domain"}, {"domain": "safety-refuse"}, "safety"),
        ("total_dataset.json", {"domain": "domain"}, {"domain": "math"}, "math"),
        ("THU-KEG/RM-Bench/train", {}, {"domain": "safety-response"}, "safety"),
    ],
)
def test_domains_are_pooled_as_published(file, columns, row, domain):
    assert {c.tags["domain"] for c in expand({**ROW, **row}, file, **columns)} == {domain}


def test_what_is_no_triplet_leaves_or_stops():
    for odd in (["a", "b"], "abc", ["a", None, "c"]):
        (comparison,) = expand({**ROW, "rejected": odd})
        assert comparison.problem is not None
        assert comparison.problem.reason == "invalid_text"
    with pytest.raises(DataError, match="no column 'chosen'"):
        expand({"prompt": "Q?"})
