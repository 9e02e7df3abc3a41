"""A13: which texts that judge were trained on: copies, near-duplicate prompts, shared 13-grams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence, UnavailableError
from rmx.audits.statistics import Interval
from rmx.domain import AuditResult

__all__ = ["Contamination"]


@dataclass(frozen=True, kw_only=True)
class Contamination(Audit):
    """What of a slice train knows; nothing is sampled, so every interval is one point.

    `exact_count`: pairs whose prompt (of a dialogue: the opening turn) is that of a train pair, after NFKC, case
    folding and collapsing white space. `near_count`: further pairs whose prompt has Jaccard similarity of words of at
    least .8 (`data.near_duplicate_jaccard`) with one in train. `response_count`: pairs with a response of at least
    eight words that is also a response in train. `ngram_share`: share of the pairs with 13 words in a row that stand in
    train (the 13 of Brown et al. 2020, arXiv:2005.14165, appendix C).

    A shared response or 13-gram is no proof of a leak: models repeat themselves, templates more so. A benchmark of
    `data.benchmarks` is answered for where its name is among `slices`.
    """

    slices: tuple[str, ...] = ("heldout",)

    name: ClassVar[str] = "contamination"
    metrics: ClassVar[tuple[str, ...]] = ("exact_count", "near_count", "response_count", "ngram_share")

    def run(self, evidence: Evidence, *, slice: str, scorer: str) -> list[AuditResult]:
        """Answer from the ledger; `detail` has the ids of the first hundred pairs behind each number.

        All ids, with those of the train pairs, are in data/contamination.jsonl.
        """
        found = ((evidence.ledger or {}).get("contamination") or {}).get("by_slice", {}).get(slice)
        if found is None:
            raise UnavailableError("not_provided", f"no search of train for the texts of slice {slice}")
        counts, shares = found["counts"], found["shares"]
        return [
            self._number("exact_count", "prompt", counts["prompt"], found, slice, scorer),
            self._number("near_count", "near_prompt", counts["near_prompt"], found, slice, scorer),
            self._number("response_count", "response", counts["response"], found, slice, scorer),
            self._number("ngram_share", "ngram", shares["ngram"], found, slice, scorer),
        ]

    def _number(
        self, metric: str, kind: str, value: float | None, found: Mapping[str, Any], slice: str, scorer: str
    ) -> AuditResult:
        if value is None:
            missing = {"missing": f"train was not searched for {kind.replace('_', ' ')} hits"}
            return self.unanswered(metric, slice=slice, scorer=scorer, reason="not_provided", detail=missing)
        number = float(value)
        ids = found["ids"]
        detail: dict[str, Any] = {"share": found["shares"][kind], "ids": list(ids.get(kind, ()))}
        if kind == "prompt":
            detail["same_pair"] = list(ids.get("pair", ()))
        return self.answer(
            metric,
            Interval(number, number, number, "exact count"),
            slice=slice,
            scorer=scorer,
            n_pairs=found["items"],
            n_groups=found["groups"],
            null_value=0.0,
            detail=detail,
        )
