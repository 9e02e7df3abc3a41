from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic_run import Run, requirement, result, table

from rmx.errors import RunError
from rmx.report.html import write_report

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"
VOID = {"col", "meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """The page as a browser would see it: tags, ids, attributes, and the text of each section."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self._section = "header"
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.attributes += [(tag, name, value) for name, value in values.items()]
        if tag == "section":
            self._section = values["id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.sections.setdefault(self._section, []).append(data)

    def text(self, section: str | None = None) -> str:
        parts = self.sections[section] if section else [t for texts in self.sections.values() for t in texts]
        return re.sub(r"\s+", " ", " ".join(parts))


def page_of(run: Run, tmp_path: Path) -> Page:
    path = tmp_path / "out" / "report.html"
    write_report(path, **run.arguments())
    return Page(path.read_text(encoding="utf-8"))


def test_the_verdict_comes_first_with_what_blocks_it_and_that_labels_are_simulated(run: Run, tmp_path: Path) -> None:
    header = page_of(run, tmp_path).text("header")
    for words in (
        "FAIL Do not optimise against this reward",
        "Labels are simulated.",
        "smollm2-135m, 6 of 30 layers, trained with adapter lora on 1,000 pairs",
        "2 of 4 requirements met, 1 blocks, 1 not refuted.",
        "What blocks it Blocked: making an answer longer without adding content raises its reward by",
    ):
        assert words in header


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("PASS", "The gate found nothing against optimising against this reward"),
        ("INCONCLUSIVE", "The evidence does not settle whether this reward may be optimised against"),
    ],
)
def test_other_verdicts(run: Run, tmp_path: Path, verdict: str, words: str) -> None:
    decision = replace(run.decision, verdict=verdict, blocked_by=(), simulated=False)
    header = page_of(run.but(decision=decision), tmp_path).text("header")
    assert f"{verdict} {words}" in header
    assert "simulated" not in header
    assert "What blocks it" not in header


def test_a_cross_fit_judges_a_recipe(run: Run, tmp_path: Path) -> None:
    header = page_of(run.but(decision=replace(run.decision, folds=5)), tmp_path).text("header")
    assert "FAIL Do not optimise against a reward that this recipe trains" in header
    assert "Cross-fitted. The verdict concerns the recipe, not one model" in header
    assert "recipe" not in page_of(run, tmp_path).text("header")


def test_every_section_has_its_golden_facts(run: Run, tmp_path: Path) -> None:
    page = page_of(run, tmp_path)
    expected = {
        "numbers": [
            "model 86.0% [83.0%, 89.0%] 400, 130",
            "bag_of_words baseline 58.5% [55.5%, 61.5%]",
            "82.0% [77.0%, 87.0%]",
            "+0.47 [+0.41, +0.53] sd",
            "heldout: 400 gold",
        ],
        "gate": ["heldout accuracy prove · heldout · model > 60% 86.0% [83.0%, 89.0%] ✓ PASS", "refute", "<= 5 points"],
        "evidence": ["Training curve", "Margins", "Reliability", "Score against length", "Accuracy by slice"],
        "audits": [
            "+4.0 [−1.8, +9.8] points 400 pairs in 130 groups ? INCONCLUSIVE Accuracy falls by 4.0 points [−1.8, 9.8] "
            "from the training distribution to fresh_policy. The interval does not lie",
            "Making an answer longer without adding content raises its reward by 0.47 sd [0.41, 0.53].",
            "Longer orders 56.0% [53.0%, 59.0%] of the heldout pairs as their labels do.",
            "Without an answer agreement disputed: Its data were not given.",
        ],
        "data": [
            "1,300 rows gave 1,304 comparisons: 1,252 kept, 32 rejected, 12 held out, 8 sent to review.",
            "tie or abstention 21 1.6%",
            "over length 8 0.6% 75.0%",
            "to review: contradictory pair 8 0.6%",
            "train 1,000 330",
            "heldout 152 50 0",
            "disputed 12 5 not proved",
            "links 7, clusters 3, largest group 5, cut 0",
            "one group holds 3% of the pairs",
        ],
        "reproduce": [
            "python -m rmx.train data.world.length_bias=0.9",
            "beef, with uncommitted changes",
            "torch 2.13.0",
            "data a1b2c3d4e5f60718",
            "layers 6, layers_total 30, adapter lora",
            "prepare 3.2 s, train 3 min 10 s",
            "data.world.length_bias=0.9",
            "data.limit=null",
        ],
    }
    for section, facts in expected.items():
        text = page.text(section)
        for fact in facts:
            assert fact in text, f"{section} lacks {fact!r}: {text}"


def test_the_judged_reward_stands_before_its_baselines(run: Run, tmp_path: Path) -> None:
    text = page_of(run, tmp_path).text("numbers")
    assert text.index("model 86.0%") < text.index("longer baseline 56.0%")


def test_a_baseline_that_was_not_scored_is_named(run: Run, tmp_path: Path) -> None:
    results = tuple(r for r in run.results if r.scorer != "bag_of_words")
    assert "bag_of_words baseline not provided" in page_of(run.but(results=results), tmp_path).text("numbers")


def test_the_page_is_well_formed_self_contained_and_described(run: Run, tmp_path: Path) -> None:
    page = page_of(run, tmp_path)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)), "ids are unique across all drawings"
    assert page.tags.count("svg") == 5
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    for tag, name, value in page.attributes:
        if name in ("href", "xlink:href", "src"):
            assert value.startswith("#"), f"{tag} {name}={value} leaves the page"
            assert value[1:] in page.ids
        assert not name.startswith("on")
        assert "http" not in value or name.startswith("xmlns")
    labels = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert len(labels) == 5
    assert all(re.search(r"\d", label) for label in labels), "a description gives numbers, not only a title"


def test_nothing_hostile_is_markup(run: Run, tmp_path: Path) -> None:
    blocked = requirement(HOSTILE, "prove", HOSTILE, "FAIL", HOSTILE, result(HOSTILE, HOSTILE, HOSTILE, 0.5))
    hostile = run.but(
        decision=replace(run.decision, gate=HOSTILE, requirements=(blocked,), blocked_by=(HOSTILE,)),
        results=(
            *run.results,
            result("accuracy", HOSTILE, "model", 0.6),
            result("accuracy", HOSTILE, f"$x^{{ {HOSTILE}", 0.6),
            result("accuracy", "$\\frac{", "model", 0.6),
            result("audit", HOSTILE, "model", None, reason=HOSTILE, detail={"missing": HOSTILE}),
        ),
        scores={
            "heldout": table(
                "heldout",
                pair_id=[f"{i}{HOSTILE}" for i in range(400)],
                tags=['{"<script>k</script>": "<script>v</script>"}'] * 400,
            ),
            HOSTILE: table("odd"),
        },
        ledger={**(run.ledger or {}), "rejected": {HOSTILE: 32}, "splits": {HOSTILE: HOSTILE}, HOSTILE: [HOSTILE]},
        record={**run.record, "command": ["python", HOSTILE], "devices": [HOSTILE], "seeds": {HOSTILE: 1}},
        config={HOSTILE: HOSTILE, "prompt": [HOSTILE]},
        model_facts={"name": HOSTILE, "layers": 2, "adapter": HOSTILE, "train_pairs": 3},
    )
    plain, page = page_of(run, tmp_path), page_of(hostile, tmp_path)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert set(page.tags) <= set(plain.tags) | {"details", "summary", "article"}
    assert page.open == []
    assert page.text().count("<script>alert('x')</script>") > 15, "it is shown, as text"


def test_undecodable_text_does_not_cost_the_report(run: Run, tmp_path: Path) -> None:
    page = page_of(run.but(config={"note": "half a \ud83d pair, 漢字 and \u202e"}), tmp_path)
    assert "half a \\ud83d pair, 漢字" in page.text("reproduce")


def test_missing_parts_are_said_in_a_sentence(run: Run, tmp_path: Path) -> None:
    decision = replace(run.decision, requirements=(), blocked_by=(), verdict="INCONCLUSIVE")
    empty = Run(decision, (), {}, None, None, {}, {}, {})
    text = page_of(empty, tmp_path).text()
    for sentence in (
        "Model not named.",
        "No heldout accuracy: no heldout slice was scored.",
        "not provided: no fresh samples of the policy were scored",
        "not provided: no edited texts were scored",
        "This gate has no requirements.",
        "No training curve: this model was not trained here.",
        "No margin histogram: no heldout slice was scored.",
        "No reliability diagram: no heldout slice was scored.",
        "No score against length: no heldout slice was scored.",
        "No accuracy by slice: no accuracy was audited.",
        "No heldout slice was scored.",
        "No audit of model was run.",
        "No ledger: the data were not prepared here.",
        "No command line was recorded.",
        "commit not a git checkout",
        "seeds not recorded",
        "No configuration was recorded.",
    ):
        assert sentence in text, sentence


def test_scores_without_lengths_levels_or_finite_values(run: Run, tmp_path: Path) -> None:
    no_lengths = table("heldout", chosen_tokens=[None] * 400)
    text = page_of(run.but(scores={"heldout": no_lengths}), tmp_path).text("evidence")
    assert "No score against length: the score table lacks token counts." in text

    judge = table("heldout").margins_only()
    text = page_of(run.but(scores={"heldout": judge}), tmp_path).text("evidence")
    assert "No score against length: this scorer compares two texts" in text
    assert "400 heldout pairs: median margin" in text

    rewards = np.where(np.arange(400) < 7, np.nan, 1.0)
    text = page_of(run.but(scores={"heldout": table("heldout", chosen_reward=rewards)}), tmp_path).text("evidence")
    assert "393 heldout pairs: median margin" in text
    assert "7 pairs with a NaN or infinite reward are not shown." in text

    nothing = table("heldout", chosen_reward=[float("inf")] * 400)
    text = page_of(run.but(scores={"heldout": nothing}), tmp_path).text("evidence")
    assert "no heldout pair has finite rewards" in text


@pytest.mark.parametrize("pairs", [1, 2, 7])
def test_tiny_slices_do_not_break_the_page(run: Run, tmp_path: Path, pairs: int) -> None:
    page = page_of(run.but(scores={"heldout": table("heldout", pairs=pairs)}), tmp_path)
    assert f"{pairs} heldout pairs: median margin" in page.text("evidence")


def test_constant_rewards_do_not_break_the_page(run: Run, tmp_path: Path) -> None:
    flat = table("heldout", chosen_reward=[1.5] * 400, rejected_reward=[1.5] * 400, chosen_tokens=[9] * 400)
    text = page_of(run.but(scores={"heldout": flat}), tmp_path).text("evidence")
    assert "400 exact ties" in text
    assert "No heldout pair is in the wrong order." in text


def test_most_confidently_wrong_pairs_are_those_with_the_lowest_margins(run: Run, tmp_path: Path) -> None:
    view = run.scores["heldout"].view("model")
    assert view is not None
    lowest = [view.pair_ids[i] for i in np.argsort(view.margins)[:10]]
    text = page_of(run, tmp_path).text("evidence")
    assert re.findall(r"heldout-\d{6}", text) == lowest


def test_counts_of_style_are_no_news_of_a_single_pair(run: Run, tmp_path: Path) -> None:
    tags = '{"topic": "badge", "chosen_headers": "3", "rejected_bold": "17", "votes": "[2, 1, 0]"}'
    heldout = table("heldout", tags=[tags] * 400)
    text = page_of(run.but(scores={**run.scores, "heldout": heldout}), tmp_path).text("evidence")
    assert "topic badge, votes [2, 1, 0]" in text
    assert "headers" not in text


def test_the_noise_ceiling_stands_beside_the_heldout_accuracy(run: Run, tmp_path: Path) -> None:
    assert "Noise ceiling not provided" in " ".join(page_of(run, tmp_path).text("numbers").split())
    ends = {"low": 0.64, "high": 0.76, "point": 0.72}
    ceiling = [result("noise_ceiling", "heldout", "model", x, metric=f"accuracy_{end}") for end, x in ends.items()]
    text = page_of(run.but(results=(*run.results, *ceiling)), tmp_path).text("numbers")
    assert "between 64.0% [61.0%, 67.0%] and 76.0% [73.0%, 79.0%] against one annotator's label" in text


def test_equal_inputs_give_equal_bytes(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(tmp_path / name / "report.html", **run.arguments())
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


def test_a_hundred_thousand_pairs_stay_below_a_megabyte_and_a_half(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, **run.but(scores={"heldout": table("heldout", pairs=100_000)}).arguments())
    assert path.stat().st_size < 1_500_000
    assert "100,000 heldout pairs" in path.read_text()


def test_a_ledger_that_does_not_balance_is_said(run: Run, tmp_path: Path) -> None:
    ledger: dict[str, Any] = {"rows_in": 10, "comparisons_in": 10, "kept": 7, "rejected": {"duplicate_pair": 1}}
    text = page_of(run.but(ledger=ledger), tmp_path).text("data")
    assert "This does not balance: +2 comparisons are unaccounted for." in text


def test_an_unreadable_curve_is_said(run: Run, tmp_path: Path) -> None:
    curve = tmp_path / "cut.csv"
    curve.write_text("step,train/loss\n1,0.7\nx,0.6\n")
    assert "No training curve: metrics.csv cannot be read" in page_of(run.but(curve=curve), tmp_path).text("evidence")
    assert "the run left no metrics.csv" in page_of(run.but(curve=tmp_path / "none.csv"), tmp_path).text("evidence")


def test_nothing_half_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(RunError, match="No space left on device"):
        write_report(path, **run.arguments())
    assert path.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["metrics.csv", "report.html"]


def test_importing_the_report_imports_neither_torch_nor_matplotlib() -> None:
    code = "import sys, rmx.report.html, rmx.report.terminal; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
