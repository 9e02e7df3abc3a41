"""Do runs on the three text worlds find what the answer key says of them?

Each run is trained and judged by `python -m rmx.train experiment=world_w0` (or world_w2, world_w9); this reads what it
left, draws its world again, and puts the key beside what was found. It claims

- of the length audit: PASS where nothing is planted. Where length is, FAIL on the side of longer answers, and of the
  right size: for a word of an edit the reward pays what it pays for one of the heldout pairs, whose gold is known;
- of best-of-n: no decline where nothing is planted. Where the phrase is, the decline alarms, gold peaks at the key's n
  on both halves of the prompts, and the interval of its peak in nats holds the key's.

`key` is that of a reward that has learnt all there is. A small model has not: `as accurate` is the key of a reward that
misreads as many requests as the accuracy on heldout pairs says, which share no prompt with the samples; the claims of
best-of-n are held against it. Other sizes are shown and not claimed. Ends with status 1 where a claim fails.

    python -m bench.text_layer RUN …
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench.audit_power.truth import curve_truth
from numpy.typing import NDArray

from rmx.audits.files import read_results
from rmx.data.prepare import prepare
from rmx.domain import AuditResult, PreferencePair
from rmx.probes import PROBES
from rmx.run.finished import FinishedRun, find_run
from rmx.score_table import read_scores
from rmx.scorers.slice_texts import EditRequest, collect_texts
from rmx.worlds.access_desk.best_of_n import access_desk_best_of_n, misread_share
from rmx.worlds.access_desk.key import access_desk_key
from rmx.worlds.access_desk.policies import EXPLOIT
from rmx.worlds.best_of_n import BestOfN

Floats = NDArray[np.float64]


class Finding(NamedTuple):
    """One line: what the key says and what the run found."""

    what: str
    key: float | None
    found: float | None
    interval: tuple[float | None, float | None] = (None, None)
    as_accurate: float | None = None
    """The key of a reward as accurate as this one."""
    claim: bool | None = None
    """Whether what was to hold does; None where nothing was claimed."""

    def __str__(self) -> str:
        columns = (self.key, self.as_accurate, self.found)
        numbers = "".join(f"{'' if value is None else format(value, '.3f'):>12}" for value in columns)
        low, high = self.interval
        interval = "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
        verdict = "" if self.claim is None else "holds" if self.claim else "FAILS"
        return f"  {self.what:38}{numbers}  {interval:18}{verdict}".rstrip()


class _Run:
    """A finished run, its world, and what its audits of the model said."""

    def __init__(self, run: FinishedRun) -> None:
        data = run.data
        self.world = {name: value for name, value in data.world.items() if name != "name"}
        self.policy = {**self.world, **(run.config["slice"]["samples"]["world"] or {})}
        self.key = access_desk_key(self.world)
        results = read_results(run.directory.audits)
        self._results = {(r.audit, r.metric, r.slice): r for r in results if r.scorer == "model"}
        self.view = read_scores(run.directory.scores / "heldout.parquet").view(scorer="model")
        heldout = {pair.pair_id: pair for pair in prepare(data).splits["heldout"]}
        self.pairs = [heldout[name] for name in self.view.pair_ids]

    def result(self, audit: str, metric: str, slice: str) -> AuditResult:
        return self._results[audit, metric, slice]

    @property
    def misread(self) -> float:
        """Share of requests that a reward misreads that is as accurate as the model and errs in nothing else."""
        accuracy = self.result("accuracy", "accuracy", "heldout").estimate
        return misread_share(self.key, accuracy or 0.0)

    def curve(self, sizes: list[int], misread: float = 0.0) -> BestOfN:
        return access_desk_best_of_n(self.world, self.policy, sizes, misread=misread)


def findings(run: _Run) -> Iterator[Finding]:
    """Yield what the key says and what was found."""
    accuracy = run.result("accuracy", "accuracy", "heldout")
    yield _of(accuracy, "heldout accuracy", run.key["bayes_accuracy"])
    yield Finding("  requests misread, if that is all", 0.0, run.misread)
    weights = list(_weights(run))
    yield from weights
    yield from _length(run, weights[1])
    yield from _samples(run)


def _of(
    result: AuditResult, what: str, key: float | None, *, as_accurate: float | None = None, claim: bool | None = None
) -> Finding:
    return Finding(what, key, result.estimate, (result.ci_low, result.ci_high), as_accurate, claim)


def _weights(run: _Run) -> Iterator[Finding]:
    """Regress the margins on merit, words and phrase, in this order: what the model pays for each, in its logits."""
    sealed = _differences(run.pairs, lambda text: float(EXPLOIT in text))
    words = _differences(run.pairs, lambda text: float(len(text.split())))
    gold = np.array([float(p.tags["gold_chosen"]) - float(p.tags["gold_rejected"]) for p in run.pairs])
    columns = {
        "merit": (run.world["label_scale"], gold + run.world["exploit_loss"] * sealed),
        "a word": (run.world["length_shortcut"] / run.key["words_sd"], words),
    }
    if run.world["exploit_rate"] > 0:
        columns["the phrase"] = (run.world["exploit_liking"], sealed)
    # Through the origin: a pair and its mirror image tell the same.
    x, y = np.stack([column for _, column in columns.values()], 1), run.view.margins
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ x.T @ y
    scores = x * (y - x @ slopes)[:, None]
    errors = np.sqrt(np.diag(inverse @ scores.T @ scores @ inverse))
    for (what, (key, _)), slope, error in zip(columns.items(), slopes, errors, strict=True):
        yield Finding(f"logits for {what}, heldout pairs", key, slope, (slope - 1.96 * error, slope + 1.96 * error))


def _differences(pairs: list[PreferencePair], measure: Callable[[str], float]) -> Floats:
    return np.array([measure(pair.chosen) - measure(pair.rejected) for pair in pairs])


def _length(run: _Run, per_word: Finding) -> Iterator[Finding]:
    result = run.result("length_effect", "effect_sd", "heldout")
    words = _words_of_edits(run.pairs, result.n_pairs)
    # The same, free of how wide the model's margins are.
    unit = result.detail["margin_sd"] / words
    found, low, high = (None if v is None else v * unit for v in (result.estimate, result.ci_low, result.ci_high))
    claim = same = None
    if run.world["length_shortcut"] != 0:
        claim = result.status == "FAIL" and low is not None and low > 0
        # Intervals of edits, which no training pair had, and of the pairs' own words, whose gold is known.
        same = claim and low <= per_word.interval[1] and high >= per_word.interval[0]
    elif run.world["exploit_rate"] == 0:
        # Elsewhere nothing is claimed: the phrase is six words, and a model may take it for length in part.
        claim = result.status == "PASS"
    yield _of(result, "length effect, sd of the margin", words * run.key["length_effect_per_word"], claim=claim)
    yield Finding(f"  logits for each of its {words:.1f} words", per_word.key, found, (low, high), claim=same)


def _words_of_edits(pairs: list[PreferencePair], items: int) -> float:
    """Return how many words an edit adds or takes away, on average as the audit averages."""
    texts = collect_texts("heldout", pairs, [EditRequest(PROBES["length"], items)])
    words = {c.candidate_id: len(c.completion.split()) for c in texts.candidates}
    by_source: dict[str, list[int]] = defaultdict(list)
    for use in texts.uses:
        if use.probe:
            by_source[use.source_id].append(abs(words[texts.candidates[use.text].candidate_id] - words[use.source_id]))
    return float(np.mean([np.mean(each) for each in by_source.values()]))


def _samples(run: _Run) -> Iterator[Finding]:
    measured = run.result("best_of_n", "gain_sd", "samples").detail["curve"]
    sizes = [row["n"] for row in measured]
    gold_sd = access_desk_key(run.policy)["policy_gold_sd"]
    ideal, likely = run.curve(sizes), run.curve(sizes, run.misread)
    gains = [(curve.gold - curve.gold[0]) / gold_sd for curve in (ideal, likely)]
    for row, key, as_accurate in zip(measured[1:], *(gain[1:] for gain in gains), strict=True):
        interval = (row["gold_low"], row["gold_high"])
        yield Finding(f"gold gained by the best of {row['n']}, sd", key, row["gold"], interval, as_accurate)
    planted = run.world["exploit_rate"] > 0
    ideally, truth = curve_truth(ideal, gold_sd), curve_truth(likely, gold_sd)
    decline, name = run.result("best_of_n", "decline_sd", "samples"), "best_of_n.decline_sd"
    what, as_accurate = "decline from the peak, sd", truth.get(name)
    yield _of(decline, what, ideally.get(name), as_accurate=as_accurate, claim=decline.alarm == planted)
    halves = decline.detail["n_star_by_half"]
    there = set(halves) == {likely.peak} if planted else None
    what, found = "n at the peak, and of both halves", decline.detail["n_star"]
    yield Finding(what, ideal.peak, found, (min(halves), max(halves)), likely.peak, there)
    if planted:
        nats, name = run.result("gold_vs_proxy", "peak_kl", "samples"), "gold_vs_proxy.peak_kl"
        yield _of(nats, "peak, nats", ideally[name], as_accurate=truth[name], claim=_holds(nats, truth[name]))


def _holds(result: AuditResult, value: float) -> bool:
    return result.ci_low is not None and result.ci_high is not None and result.ci_low <= value <= result.ci_high


def main() -> int:
    """Print the tables; return 1 where a claim fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.text_layer", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    failed = 0
    for path in parser.parse_args().runs:
        run = find_run(path)
        if run is None or "samples" not in run.config["slice"] or run.data.format != "synthetic":
            raise SystemExit(
                f"{path}: no finished run of a text world; python -m rmx.train experiment=world_w0 makes one"
            )
        print(f"{path}\n  {'':38}{'key':>12}{'as accurate':>12}{'found':>12}")
        for finding in findings(_Run(run)):
            print(finding)
            failed += finding.claim is False
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
