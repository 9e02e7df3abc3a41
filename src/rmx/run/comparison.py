"""Several runs or score files beside each other: what they have in common, and what audits and gate say of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmx.audits.base import Audit
from rmx.audits.common import MODEL, Common, find_common
from rmx.audits.folds import count_folds
from rmx.audits.runner import run_audits
from rmx.audits.side_by_side import lost_pairs, paired_differences
from rmx.config.schema import GateConfig
from rmx.errors import ConfigError
from rmx.gate import decide
from rmx.report.comparison import ComparedRun, Comparison
from rmx.report.summary import model_sentence
from rmx.run.found_scores import FoundScores
from rmx.run.judgement import Judgement

__all__ = ["compare", "find_common_scores", "run_names"]


def find_common_scores(found: Sequence[FoundScores]) -> Common:
    """Return what of several scorings can be compared, under the names that they are shown by.

    Raises:
        ConfigError: Two of them are the same.
        DataError: Nothing can be compared; see `rmx.audits.common.find_common`.
    """
    names = run_names([scores.path for scores in found])
    return find_common({name: scores.evidence for name, scores in zip(names, found, strict=True)})


def run_names(paths: Sequence[str]) -> list[str]:
    """Return short distinct names of paths: as many of the last parts of each as it takes.

    None is called `model`: that is what every scorer is called in its own table.

    Raises:
        ConfigError: Two paths are the same run or file.
    """
    parts = [_parts(Path(path).absolute()) for path in paths]
    for i, of_path in enumerate(parts):
        if of_path in parts[:i]:
            first = paths[parts.index(of_path)]
            raise ConfigError(f"scores: {first} and {paths[i]} are the same; give each run or file once")
    names: list[str] = []
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(of_path[-count:]) for of_path in parts]
        if len({*names, MODEL}) > len(names):
            break
    return names


def _parts(path: Path) -> tuple[str, ...]:
    """Return the parts of a path; those of a run's scores/ are those of the run."""
    return path.parent.parts if path.name == "scores" else path.parts


def compare(
    found: Sequence[FoundScores], common: Common, audits: Sequence[Audit], gate: GateConfig, judgement: Judgement
) -> Comparison:
    """Audit and judge every run, and set them side by side.

    Args:
        found: What was given, the judged run first.
        common: What they have in common, in the same order.
        audits: The audits that are configured.
        gate: Judges each run on all that it has.
        judgement: Of the first run.
    """
    runs: list[ComparedRun] = []
    for scores, (name, shared) in zip(found, common.evidence.items(), strict=True):
        evidence = scores.evidence
        results = judgement.results if not runs else run_audits(audits, evidence)
        decision = judgement.decision
        if runs:
            sources, folds = evidence.label_sources(), count_folds(evidence)
            decision = decide(results, gate, label_sources=sources, folds=folds)
        compared = results if shared is evidence else run_audits(audits, shared)
        runs.append(
            ComparedRun(
                name=name,
                path=scores.path,
                model=model_sentence(scores.model_facts),
                decision=decision,
                results=[r for r in compared if r.scorer == MODEL],
                scores=scores.digests,
            )
        )
    return Comparison(tuple(runs), common.slices, common.missing, paired_differences(common), lost_pairs(common))
