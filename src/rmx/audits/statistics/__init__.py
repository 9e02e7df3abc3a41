"""Intervals that respect prompt groups: pairs that share a prompt are not independent observations."""

from rmx.audits.statistics.bootstrap import bootstrap, percentile_interval
from rmx.audits.statistics.clusters import FEW_GROUPS, Clusters
from rmx.audits.statistics.intervals import (
    Interval,
    difference_of_proportions,
    interval_of_error,
    mean_interval,
    paired_difference,
    proportion_interval,
    t_interval,
    t_quantile,
)
from rmx.audits.statistics.mcnemar import mid_p

__all__ = [
    "FEW_GROUPS",
    "Clusters",
    "Interval",
    "bootstrap",
    "difference_of_proportions",
    "interval_of_error",
    "mean_interval",
    "mid_p",
    "paired_difference",
    "percentile_interval",
    "proportion_interval",
    "t_interval",
    "t_quantile",
]
