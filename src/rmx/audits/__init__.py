"""Audits of a reward: pure questions to score tables, each answered with an interval."""

from rmx.audits.base import Audit
from rmx.audits.evidence import Evidence
from rmx.audits.examples import Example
from rmx.audits.files import read_results, write_results
from rmx.audits.registry import AUDITS, build_audits
from rmx.audits.runner import find_examples, run_audits
from rmx.audits.temperature import fit_temperature

__all__ = [
    "AUDITS",
    "Audit",
    "Evidence",
    "Example",
    "build_audits",
    "find_examples",
    "fit_temperature",
    "read_results",
    "run_audits",
    "write_results",
]
