"""Planted leaks are found, each by its kind and with the ids of both sides, and nothing else is."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path

import pytest

from rmx.config.schema import DataConfig, SplitConfig
from rmx.data.contamination.benchmarks import read_benchmarks
from rmx.data.contamination.proof import exact_prompts, prove_contamination
from rmx.data.contamination.record import LISTED
from rmx.data.contamination.search import Item, find_contamination, pair_item
from rmx.data.overlap import SplitRow
from rmx.data.prepare import prepare
from rmx.data.slices import build_slice
from rmx.data.text import normalise, word_list
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import ConfigError, DataError

VOCABULARY = [f"word{i}" for i in range(4000)]


def sentence(rng: random.Random, words: int = 20) -> str:
    return " ".join(rng.choices(VOCABULARY, k=words))


def pair(name: str, rng: random.Random, **given: str) -> PreferencePair:
    texts = {part: given.get(part) or sentence(rng) for part in ("prompt", "chosen", "rejected")}
    return PreferencePair(name, (Message("user", texts["prompt"]),), texts["chosen"], texts["rejected"], Origin("f", 1))


def items(pairs: list[PreferencePair]) -> list[Item]:
    return [pair_item(p) for p in pairs]


def hits(train: list[PreferencePair], other: list[PreferencePair]) -> dict[tuple[str, str], tuple[str, ...]]:
    found = find_contamination(items(train), {"bench": items(other)}, jaccard=0.8)
    return {(h.item_id, h.kind): h.train_ids for h in found.hits}


def test_each_kind_is_told_from_the_others() -> None:
    rng = random.Random(0)
    train = [pair(f"t{i}", rng) for i in range(50)]
    prompt, chosen = train[3].prompt[0].content, train[3].chosen
    near = prompt.split()
    near[5] = "other"
    swapped = PreferencePair(
        "swapped", (Message("user", f"  {prompt.upper()} "),), train[3].rejected, f"{chosen}\n", Origin("f", 1)
    )
    other = [
        pair("prompt", rng, prompt=prompt),
        swapped,
        pair("response", rng, rejected=chosen.replace(" ", "  ")),
        pair("near", rng, prompt=" ".join(near)),
        pair("ngram", rng, chosen=f"{sentence(rng, 5)} {' '.join(train[9].rejected.split()[2:15])} {sentence(rng, 5)}"),
        pair("too few words", rng, chosen=f"{sentence(rng, 5)} {' '.join(train[9].rejected.split()[2:14])} end"),
        pair("clean", rng),
    ]
    found = hits(train, other)
    assert found == {
        ("prompt", "prompt"): ("t3",),
        ("prompt", "ngram"): ("t3",),
        ("swapped", "prompt"): ("t3",),
        ("swapped", "pair"): ("t3",),
        ("swapped", "response"): ("t3",),
        ("swapped", "ngram"): ("t3",),
        ("response", "response"): ("t3",),
        ("response", "ngram"): ("t3",),
        ("near", "near_prompt"): ("t3",),
        ("near", "ngram"): ("t3",),
        ("ngram", "ngram"): ("t9",),
    }


def test_short_responses_and_roles_do_not_count_as_copies() -> None:
    rng = random.Random(1)
    train = [pair("t", rng, chosen="I am sorry, I cannot help.", prompt="Hello there")]
    other = [
        pair("refusal", rng, rejected="I am sorry, I cannot help."),
        pair("role", rng, chosen="Hello there"),
        pair("greeting", rng, prompt="hello  There"),
    ]
    assert hits(train, other) == {("greeting", "prompt"): ("t",)}


def test_a_dialogue_is_the_same_prompt_by_its_opening_turn_and_the_same_pair_by_all_turns() -> None:
    rng = random.Random(2)
    first, second, reply = sentence(rng), sentence(rng), sentence(rng, 6)

    def dialogue(name: str, *turns: str, chosen: str = "yes", rejected: str = "no") -> PreferencePair:
        messages = tuple(Message(("user", "assistant")[k % 2], text) for k, text in enumerate(turns))
        return PreferencePair(name, messages, chosen, rejected, Origin("f", 1))

    train = [dialogue("t", first, reply, second)]
    other = [dialogue("opening", first, reply, "And now?"), dialogue("whole", first, reply, second.upper())]
    found = hits(train, other)
    assert ("opening", "prompt") in found
    assert ("opening", "pair") not in found
    assert ("whole", "pair") in found


def test_ids_are_listed_up_to_a_bound_and_counted_in_full() -> None:
    rng = random.Random(3)
    prompt = sentence(rng)
    train = [pair(f"t{i}", rng, prompt=prompt) for i in range(30)]
    other = [pair(f"b{i}", rng, prompt=prompt) for i in range(LISTED + 20)]
    found = find_contamination(items(train), {"bench": items(other), "none": items([pair("c", rng)])}, jaccard=0.8)
    bench, none = found.summary["by_slice"]["bench"], found.summary["by_slice"]["none"]
    assert bench["counts"]["prompt"] == LISTED + 20
    assert bench["ids"]["prompt"] == [f"b{i}" for i in range(LISTED)]
    assert bench["shares"]["prompt"] == 1
    assert none["counts"] == dict.fromkeys(none["counts"], 0)
    assert none["ids"] == {}
    hit = next(h for h in found.hits if h.kind == "prompt")
    assert (hit.train_count, len(hit.train_ids)) == (30, 10)


def test_what_was_not_searched_has_no_number() -> None:
    rng = random.Random(4)
    train = [pair("t", rng)]
    near = train[0].prompt[0].content + " more"
    found = find_contamination(items(train), {"b": items([pair("b", rng, prompt=near)])}, jaccard=None)
    assert found.summary["by_slice"]["b"]["counts"]["near_prompt"] is None
    assert found.summary["by_slice"]["b"]["shares"]["near_prompt"] is None
    by_hash = exact_prompts([SplitRow("t", "g", "train", "p")], {"b": [SplitRow("b", "h", "b", "p")]})
    counts = by_hash.summary["by_slice"]["b"]["counts"]
    assert counts == {"prompt": 1, "pair": None, "response": None, "near_prompt": None, "ngram": None}
    assert [(h.item_id, h.train_ids) for h in by_hash.hits] == [("b", ("t",))]


def test_planted_near_duplicates_are_recalled() -> None:
    """At least 95% of prompts with one to four words in place of others and a true similarity of .8 or more."""
    rng = random.Random(5)
    train = [pair(f"t{i}", rng, prompt=sentence(rng, rng.randint(12, 40))) for i in range(1200)]
    planted, far = [], []
    for i, source in enumerate(train[:900]):
        words = source.prompt[0].content.split()
        for k in rng.sample(range(len(words)), rng.randint(1, 4)):
            words[k] = rng.choice(VOCABULARY)
        mine, theirs = set(words), set(source.prompt[0].content.split())
        close = len(mine & theirs) / len(mine | theirs) >= 0.8
        (planted if close else far).append(pair(f"b{i}", rng, prompt=" ".join(words)))
    found = find_contamination(items(train), {"bench": items([*planted, *far])}, jaccard=0.8)
    hit = {h.item_id: h.train_ids for h in found.hits if h.kind == "near_prompt"}
    recalled = sum(hit.get(p.pair_id) == (p.pair_id.replace("b", "t"),) for p in planted)
    assert len(planted) > 400
    assert recalled >= 0.95 * len(planted)
    assert not any(p.pair_id in hit for p in far)


def write(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    rng = random.Random(6)
    rows = [{"prompt": sentence(rng), "chosen": sentence(rng), "rejected": sentence(rng)} for _ in range(200)]
    split = SplitConfig(validation=0.1, heldout=0.3)
    return DataConfig(path=write(tmp_path / "rows.jsonl", rows), format="pairs", split=split)


def test_the_ledger_and_the_file_beside_it_have_every_slice_and_benchmark(tmp_path: Path, data: DataConfig) -> None:
    prepared = prepare(data)
    train = prepared.splits["train"]
    rng = random.Random(7)
    rows = [{"prompt": sentence(rng), "chosen": sentence(rng), "rejected": sentence(rng)} for _ in range(20)]
    rows += [{"prompt": p.prompt[0].content, "chosen": "a", "rejected": "b"} for p in train[:3]]
    spec = {"from": "data", "data": {"path": write(tmp_path / "slice.jsonl", rows)}}
    prompts = [{"q": sentence(rng), "a": [sentence(rng)], "n": k} for k in range(5)]
    prompts[2]["q"] = train[7].prompt[0].content
    prompts[4]["a"] = [{"role": "assistant", "content": train[8].chosen}]
    data.benchmarks = {
        "exam": {"path": write(tmp_path / "exam.jsonl", prompts), "prompt": "q", "responses": ["a"], "id": "n"}
    }
    built = build_slice("mine", spec, prepared, data)
    proved = prove_contamination(prepared, [built], data)
    assert proved.fingerprint == prepared.fingerprint == prepare(data).fingerprint
    proved.write(tmp_path / "data")
    ledger = json.loads((tmp_path / "data" / "ledger.json").read_text())["contamination"]
    assert set(ledger["by_slice"]) == {"validation", "heldout", "mine", "exam"}
    assert ledger["benchmarks"] == ["exam"]
    for split in ("validation", "heldout"):
        assert set(ledger["by_slice"][split]["counts"].values()) == {0}
    leaked = [p.pair_id for p in built.pairs[-3:]]
    assert ledger["by_slice"]["mine"]["ids"]["prompt"] == leaked
    assert ledger["by_slice"]["exam"]["ids"] == {"prompt": ["2"], "response": ["4"], "ngram": ["2", "4"]}
    lines = [json.loads(line) for line in (tmp_path / "data" / "contamination.jsonl").read_text().splitlines()]
    prompts_hit = {(line["slice"], line["id"]): line["train_ids"] for line in lines if line["kind"] == "prompt"}
    assert prompts_hit == {
        **{("mine", mine): [p.pair_id] for mine, p in zip(leaked, train[:3], strict=True)},
        ("exam", "2"): [train[7].pair_id],
    }


def test_a_row_random_split_leaks_and_is_told_which(tmp_path: Path) -> None:
    rng = random.Random(8)
    prompts = [sentence(rng) for _ in range(100)]
    rows = [{"prompt": p, "chosen": sentence(rng), "rejected": sentence(rng)} for p, _ in product(prompts, range(3))]
    split = SplitConfig(validation=0.0, heldout=0.3, mode="row_random")
    data = DataConfig(path=write(tmp_path / "rows.jsonl", rows), format="pairs", split=split)
    prepared = prepare(data)
    found = prove_contamination(prepared, [], data)
    mine = {p.prompt[0].content for p in prepared.splits["train"]}
    leaked = [p.pair_id for p in prepared.splits["heldout"] if p.prompt[0].content in mine]
    assert len(leaked) > 50
    assert [h.item_id for h in found.leaks if h.kind == "prompt"] == leaked
    assert found.ledger.contamination is not None
    assert found.ledger.contamination["by_slice"]["heldout"]["counts"]["prompt"] == len(leaked)


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ({"pth": "x"}, r"data\.benchmarks\.b\.pth: unknown key; did you mean `path`"),
        ({}, r"data\.benchmarks\.b\.path: missing value"),
        ({"path": "nowhere.jsonl"}, r"data\.benchmarks\.b: nowhere\.jsonl: no such file"),
        ({"path": "HERE", "prompt": "question"}, r"rows\.jsonl row 1: no column 'question'; it has prompt, n"),
        ({"path": "HERE", "responses": ["n"]}, r"row 1: column 'n' holds a int, not text"),
    ],
)
def test_wrong_benchmarks_are_named(tmp_path: Path, node: dict, says: str) -> None:
    path = write(tmp_path / "rows.jsonl", [{"prompt": "a", "n": 3}])
    node = {key: path if value == "HERE" else value for key, value in node.items()}
    with pytest.raises((ConfigError, DataError), match=says):
        read_benchmarks({"b": node})


def test_a_benchmark_does_not_take_the_name_of_a_split(tmp_path: Path, data: DataConfig) -> None:
    data.benchmarks = {"heldout": {"path": data.path}}
    with pytest.raises(ConfigError, match=r"data\.benchmarks\.heldout: a split or slice has this name"):
        prove_contamination(prepare(data), [], data)


@pytest.mark.real_data
def test_a_real_benchmark_is_hit_where_plain_sets_say_so(shared_data: Path) -> None:
    """Some prompts of RM-Bench's chat part stand word for word in PandaLM's test set."""
    data = DataConfig(
        path=str(shared_data / "pandalm" / "annotations.jsonl.gz"),
        format="votes",
        columns={"prompt": ["instruction", "input"], "first": "response1", "second": "response2"}
        | {"votes": ["annotator1", "annotator2", "annotator3"]},
        labels={"first": [1], "second": [2], "tie": [0]},
        annotators="majority",
        benchmarks={
            "rm_bench": {"path": str(shared_data / "rm-bench" / "chat.jsonl.gz"), "responses": ["chosen", "rejected"]}
        },
    )
    prepared = prepare(data)
    found = prove_contamination(prepared, [], data)
    (bench,) = read_benchmarks(data.benchmarks).values()

    def grams(text: str) -> set[tuple[str, ...]]:
        words = word_list(normalise(text))
        return {tuple(words[i : i + 13]) for i in range(len(words) - 12)}

    train = items(list(prepared.splits["train"]))
    prompts = {normalise(item.opening) for item in train}
    known = set().union(*(grams(text) for item in train for text in item.texts))
    expected = {
        "prompt": {item.item_id for item in bench if normalise(item.opening) in prompts},
        "ngram": {item.item_id for item in bench if any(grams(text) & known for text in item.texts)},
    }
    for kind, ids in expected.items():
        assert {h.item_id for h in found.leaks if h.slice == "rm_bench" and h.kind == kind} == ids
    assert len(expected["prompt"]) > 5
