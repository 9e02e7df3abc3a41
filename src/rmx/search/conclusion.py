"""What a sweep found, in a few lines: the best trial, and where seeds were varied the settings by their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from rmx.search.jobs import SweepJob
from rmx.search.sweep_file import Metric

__all__ = ["conclude"]

_SEED = "seed"


def conclude(jobs: Sequence[SweepJob], values: Mapping[int, float], metric: Metric, read: str) -> str:
    """Return the best trial and, over several seeds, each setting's mean, the best first.

    Args:
        jobs: The trials that have ended.
        values: By number, for those that have the metric; may be empty.
        metric: What was optimised.
        read: Which value of it counts, `best` or `last`.

    Returns:
        Lines; nothing where no trial has the metric.
    """
    measured = [job for job in jobs if job.number in values]
    if not measured:
        return ""
    choose = max if metric.maximise else min
    best = choose(measured, key=lambda job: values[job.number])  # of equals the first
    line = (
        f"best of {len(measured)}: trial {best.number} ({best.label}), {read} {metric.name} "
        f"{values[best.number]:.4g}, {best.directory}"
    )
    return "\n".join([line, *_means(measured, values, metric)])


def _means(jobs: Sequence[SweepJob], values: Mapping[int, float], metric: Metric) -> list[str]:
    """Return a line for each setting but for the seed; none where seeds, or settings, were not varied."""
    settings: dict[str, list[float]] = {}
    for job in jobs:
        setting = " ".join(f"{key}={value}" for key, value in job.overrides.items() if key != _SEED)
        settings.setdefault(setting, []).append(values[job.number])
    if len(settings) < 2 or len({job.overrides.get(_SEED) for job in jobs}) < 2:
        return []
    ordered = sorted(settings.items(), key=lambda item: mean(item[1]), reverse=metric.maximise)
    return [f"mean over seeds: {setting}: {_spread(found)}" for setting, found in ordered]


def _spread(found: Sequence[float]) -> str:
    sd = f"sd {stdev(found):.2g}, " if len(found) > 1 else ""
    return f"{mean(found):.4g} ({sd}{len(found)} trials)"
