"""Several sources as one: grouped, deduplicated and split together, accounted for one by one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.comparison import Rejection
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice
from rmx.data.summary import summarise
from rmx.errors import ConfigError, DataError

LABELS = {"first": [1], "second": [2], "tie": [0]}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def compared(path: str, **more: Any) -> dict[str, Any]:
    columns = {"prompt": "q", "first": "a", "second": "b", "label": "label", **more.pop("columns", {})}
    return {"path": path, "format": "comparison", "columns": columns, "labels": LABELS, **more}


def paired(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "format": "pairs", "columns": {"prompt": "prompt", **more.pop("columns", {})}, **more}


def questions(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"q": f"Question {k}?", "a": f"yes {k}", "b": f"no {k}", "label": 1 + k % 2} for k in range(start, n)]


def pairs(n: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"prompt": f"Question {k}?", "chosen": f"good {k}", "rejected": f"bad {k}"} for k in range(start, n)]


@pytest.fixture
def two(tmp_path: Path) -> DataConfig:
    """Sources that share prompts 20 to 39 and the pairs of a few."""
    first = questions(40)
    first[3]["label"] = 0
    first[4]["b"] = " "
    second = pairs(90, start=20)
    second[0] |= {"chosen": "no 21", "rejected": "yes 21", "prompt": "Question 21?"}  # as the first source has it
    second[1] |= {"chosen": "yes 23", "rejected": "no 23", "prompt": "Question  23?"}  # as it has not
    sources = {
        "people": compared(write(tmp_path / "a.jsonl", first), label_source="human"),
        "judge": paired(write(tmp_path / "b.jsonl", second), label_source="model"),
    }
    return DataConfig(name="two", sources=sources, split=SplitConfig(validation=0.2, heldout=0.3))


def test_the_ledger_balances_for_each_source_and_the_sources_are_the_whole(two: DataConfig) -> None:
    ledger = prepare(two).ledger
    shown = ledger.to_json()
    accounts = shown["by_source"]
    assert list(accounts) == ["people", "judge"]
    for name, rows in (("people", 40), ("judge", 70)):
        a = accounts[name]
        assert a["rows_in"] == a["comparisons_in"] == rows
        assert rows == a["kept"] + sum(a["rejected"].values()) + a["held_out"] + a["review"]
        assert a["kept"] == sum(a["splits"][s] for s in ("train", "validation", "heldout"))
    assert accounts["people"]["rejected"] == {"tie_or_abstention": 1, "empty_completion": 1}
    # Equal pairs and contradictions are found across sources: of equal ones the first source's stays.
    assert accounts["judge"]["rejected"] == {"duplicate_pair": 1}
    assert accounts["people"]["review_reasons"] == accounts["judge"]["review_reasons"] == {"contradiction": 1}
    for field in ("comparisons_in", "kept", "held_out", "review", "rows_in"):
        assert shown[field] == sum(a[field] for a in accounts.values())
    rejected = sum((Counter(a["rejected"]) for a in accounts.values()), Counter())
    assert shown["rejected"] == dict(rejected)
    assert {s: sum(a["splits"][s] for a in accounts.values()) for s in shown["splits"]} == shown["splits"]
    assert [a["epoch_share"] for a in accounts.values()] == [
        round(a["splits"]["train"] / shown["splits"]["train"], 4) for a in accounts.values()
    ]


def test_a_prompt_of_two_sources_stays_on_one_side_and_every_pair_knows_its_source(two: DataConfig) -> None:
    prepared = prepare(two)
    sides: dict[str, set[str]] = {}
    sources: dict[str, set[str]] = {}
    for split, members in prepared.splits.items():
        for pair in members:
            text = pair.prompt[0].content.lower()
            sides.setdefault(text, set()).add(split)
            sources.setdefault(text, set()).add(pair.tags["source"])
    shared = {text for text, names in sources.items() if len(names) == 2}
    assert len(shared) >= 15
    assert all(len(sides[text]) == 1 for text in shared)
    assert {s for text in shared for s in sides[text]} == {"train", "validation", "heldout"}
    assert prepared.ledger.overlap["heldout"].pairs == 0
    everything = [p for members in prepared.splits.values() for p in members]
    assert {(p.tags["source"], p.label_source) for p in everything} == {("people", "human"), ("judge", "model")}
    assert {(r.source, r.reason) for r in prepared.rejections} == {
        ("people", "tie_or_abstention"),
        ("people", "empty_completion"),
        ("judge", "duplicate_pair"),
    }


def test_what_is_written_and_said_names_the_sources(two: DataConfig, tmp_path: Path) -> None:
    prepared = prepare(two)
    prepared.write(tmp_path / "data")
    rejected = [json.loads(line) for line in (tmp_path / "data" / "rejected.jsonl").read_text().splitlines()]
    assert Counter(r["source"] for r in rejected) == {"people": 2, "judge": 1}
    lines = summarise(prepared.ledger).splitlines()
    header = next(i for i, line in enumerate(lines) if line.split()[:1] == ["source"])
    people, judge = lines[header + 1 : header + 3]
    shown = prepared.ledger.to_json()["by_source"]
    assert people.split()[:5] == ["people", "40", "40", str(shown["people"]["kept"]), "2"]
    assert judge.split()[-1] == f"{shown['judge']['epoch_share']:.1%}"
    assert len({len(line) for line in lines[header : header + 3]}) == 1


def test_what_leaves_after_rendering_leaves_the_accounts_balanced(two: DataConfig) -> None:
    prepared = prepare(two)
    gone = [p for p in prepared.splits["train"] if p.tags["source"] == "judge"][:5]
    smaller = prepared.drop(Rejection(p.pair_id, p.origin, "over_length", "long") for p in gone)
    assert smaller.ledger.balances
    assert smaller.ledger.accounts["judge"].rejected == {"duplicate_pair": 1, "over_length": 5}
    assert smaller.ledger.accounts["people"] == prepared.ledger.accounts["people"]
    everything = [p for p in prepared.splits["train"] if p.tags["source"] == "people"]
    with pytest.raises(
        DataError, match=r"data\.sources\.people: none of its 40 comparisons is in train; most left as "
    ):
        prepared.drop(Rejection(p.pair_id, p.origin, "over_length", "long") for p in everything)


def test_a_cached_mixture_is_the_same(two: DataConfig, tmp_path: Path) -> None:
    first = prepare(two, cache=tmp_path / "cache")
    assert prepare(two, cache=tmp_path / "cache") == first


def test_the_fingerprint_follows_content_meaning_weights_and_order_not_the_place(
    two: DataConfig, tmp_path: Path
) -> None:
    def fingerprint(**people: Any) -> str:
        sources = {"people": {**two.sources["people"], **people}, "judge": two.sources["judge"]}
        return prepare(DataConfig(sources=sources, split=two.split)).fingerprint

    same = fingerprint()
    copy = tmp_path / "elsewhere.jsonl"
    copy.write_bytes(Path(two.sources["people"]["path"]).read_bytes())
    assert fingerprint(path=str(copy)) == same
    assert len({same, fingerprint(limit=39), fingerprint(weight=2), fingerprint(label_source="gold")}) == 4
    turned = DataConfig(sources=dict(reversed(two.sources.items())), split=two.split)
    assert prepare(turned).fingerprint != same


def test_ids_and_groups_are_a_sources_own(tmp_path: Path) -> None:
    rows = [{**row, "id": k, "g": k // 4} for k, row in enumerate(pairs(40))]
    others = [{**row, "id": k, "g": k // 4} for k, row in enumerate(pairs(80, start=40))]
    named = {"columns": {"id": "id", "group": "g"}}
    sources = {
        "a": paired(write(tmp_path / "a.jsonl", rows), **named),
        "b": paired(write(tmp_path / "b.jsonl", others), **named),
    }
    prepared = prepare(DataConfig(sources=sources, near_duplicates=False))
    found = [p for members in prepared.splits.values() for p in members]
    assert {p.pair_id for p in found} == {f"{s}/{k}" for s in "ab" for k in range(40)}
    assert {p.group for p in found} == {f"{s}/{k}" for s in "ab" for k in range(10)}
    sources["b"]["path"] = write(tmp_path / "b.jsonl", [*others, others[0]])
    with pytest.raises(DataError, match=r"id '0' stands already at .*data\.sources\.b\.columns\.id=null"):
        prepare(DataConfig(sources=sources))


GOOD = {"prompt": "q", "first": "a", "second": "b", "label": "label"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {**GOOD, "prompt": "z"}}, "no column 'z'; set data.sources.people.columns.prompt to one of q"),
        ({"columns": {"prmpt": "q"}}, "data.sources.people.columns.prmpt: unknown key"),
        ({"labels": {"first": [8], "second": [9]}}, "data.sources.people.labels and data.sources.people.annotators"),
        ({"path": "nowhere.jsonl"}, "no such file (data.sources.people.path)"),
        ({"format": "comparisn"}, "data.sources.people.format=comparisn is not known"),
        ({"columns": {**GOOD, "tags": {"source": "q"}}}, "data.sources.people.columns.tags: tag 'source' names the"),
    ],
)
def test_errors_name_the_keys_of_the_source(two: DataConfig, change: dict[str, Any], message: str) -> None:
    two.sources["people"] |= change
    with pytest.raises((ConfigError, DataError)) as caught:
        prepare(two)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defects_of_one_source_are_not_hidden_by_a_larger_one(two: DataConfig, tmp_path: Path) -> None:
    bad = [{**row, "label": 7} if k % 3 else row for k, row in enumerate(questions(330, start=300))]
    two.sources["few"] = compared(write(tmp_path / "few.jsonl", bad))
    with pytest.raises(
        DataError, match=r"20 of 30 comparisons are defective, above data\.max_defects=0\.5.*data\.sources\.few\.labels"
    ):
        prepare(two)


@pytest.mark.parametrize("rows", [[], [{}]])
def test_a_source_without_rows_is_refused(two: DataConfig, tmp_path: Path, rows: list) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("\n" * (1 + len(rows)))
    two.sources["none"] = paired(str(path))
    with pytest.raises(DataError, match=r"hold no rows; check data\.sources\.none\.path"):
        prepare(two)


def test_a_weight_that_an_epoch_has_no_pair_for_is_refused(two: DataConfig) -> None:
    two.sources["people"]["weight"] = 1e-6
    with pytest.raises(DataError, match=r"data\.sources\.people\.weight: 1e-06 is so small beside the others"):
        prepare(two)


def test_a_slice_of_other_data_says_itself_what_they_are(two: DataConfig, tmp_path: Path) -> None:
    prepared = prepare(two)
    path = write(tmp_path / "other.jsonl", pairs(505, start=500))
    with pytest.raises(ConfigError, match=r"slice\.other\.data\.format: missing value; the run's data are a mixture"):
        build_slice("other", {"from": "data", "data": {"path": path}}, prepared, two)
    built = build_slice("other", {"from": "data", "data": {"path": path, "format": "pairs"}}, prepared, two)
    assert len(built.pairs) == 5
    mixed = {"sources": {"x": {"path": path, "format": "pairs"}, "y": two.sources["judge"]}}
    assert len(build_slice("both", {"from": "data", "data": mixed}, prepared, two).pairs) > 50
    mixed["sources"]["x"]["columns"] = {"prompt": "q"}
    with pytest.raises(DataError, match=r"set slice\.both\.data\.sources\.x\.columns\.prompt to one of"):
        build_slice("both", {"from": "data", "data": mixed}, prepared, two)


row = st.builds(
    dict,
    prompt=st.sampled_from(["p1", "P1 ", "p2", "p3", "", "p5"]),
    chosen=st.sampled_from(["x", "y", " x", ""]),
    rejected=st.sampled_from(["x", "y", "w", 4]),
)


@settings(max_examples=40)
@given(st.lists(row, max_size=15), st.lists(row, max_size=15), st.sampled_from(["grouped", "row_random"]))
def test_accounts_balance_whatever_comes(tmp_path_factory, one: list, other: list, mode: str) -> None:
    folder = tmp_path_factory.mktemp("rows")
    sources = {
        "one": paired(write(folder / "one.jsonl", [*one, *pairs(20)])),
        "other": paired(write(folder / "other.jsonl", [*other, *pairs(35, start=15)])),
    }
    data = DataConfig(sources=sources, max_defects=1.0, split=SplitConfig(0.1, 0.2, mode=mode))
    prepared = prepare(data)
    ledger = prepared.ledger
    assert ledger.balances
    assert ledger.accounts["one"].comparisons_in == len(one) + 20
    assert ledger.accounts["other"].comparisons_in == len(other) + 20
    assert sum(a.kept for a in ledger.accounts.values()) == ledger.kept
