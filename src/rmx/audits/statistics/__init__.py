"""Intervals that respect prompt groups: pairs that share a prompt are not independent observations."""

from rmx.audits.statistics.best_of_n import best_of_n, best_of_n_kl, best_of_n_sizes, best_of_n_wins, tied_best_of_n_kl
from rmx.audits.statistics.between import between_deviation
from rmx.audits.statistics.bootstrap import bootstrap, percentile_interval
from rmx.audits.statistics.clusters import FEW_GROUPS, Clusters
from rmx.audits.statistics.intervals import (
    Interval,
    difference_of_proportions,
    interval_of_error,
    mean_interval,
    paired_difference,
    proportion_above,
    proportion_interval,
    t_interval,
    t_quantile,
)
from rmx.audits.statistics.logistic import fit_logistic
from rmx.audits.statistics.mcnemar import mid_p
from rmx.audits.statistics.nested_best_of_n import nested_winners, sampling_order
from rmx.audits.statistics.quantiles import weighted_quantiles
from rmx.audits.statistics.ranks import ranker, weighted_correlation

__all__ = [
    "FEW_GROUPS",
    "Clusters",
    "Interval",
    "best_of_n",
    "best_of_n_kl",
    "best_of_n_sizes",
    "best_of_n_wins",
    "between_deviation",
    "bootstrap",
    "difference_of_proportions",
    "fit_logistic",
    "interval_of_error",
    "mean_interval",
    "mid_p",
    "nested_winners",
    "paired_difference",
    "percentile_interval",
    "proportion_above",
    "proportion_interval",
    "ranker",
    "sampling_order",
    "t_interval",
    "t_quantile",
    "tied_best_of_n_kl",
    "weighted_correlation",
    "weighted_quantiles",
]
