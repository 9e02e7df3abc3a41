"""Scores as data: candidates (one row per unique text and scorer), comparisons, and their join, the ScoreTable."""

from rmx.score_table.files import read_candidates, read_comparisons, read_scores, write_table
from rmx.score_table.folds import FOLD_TAG, folds_of, pool_folds
from rmx.score_table.join import join_scores
from rmx.score_table.schema import (
    CANDIDATE_COLUMNS,
    COMPARISON_COLUMNS,
    PAIRWISE_COLUMNS,
    SCORE_COLUMNS,
    candidate_id,
    prompt_id,
)
from rmx.score_table.tables import CandidateTable, Comparisons, ScoreTable
from rmx.score_table.view import ScoreView

__all__ = [
    "CANDIDATE_COLUMNS",
    "COMPARISON_COLUMNS",
    "FOLD_TAG",
    "PAIRWISE_COLUMNS",
    "SCORE_COLUMNS",
    "CandidateTable",
    "Comparisons",
    "ScoreTable",
    "ScoreView",
    "candidate_id",
    "folds_of",
    "join_scores",
    "pool_folds",
    "prompt_id",
    "read_candidates",
    "read_comparisons",
    "read_scores",
    "write_table",
]
