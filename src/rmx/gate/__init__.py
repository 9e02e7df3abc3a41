"""The gate: whether the evidence allows optimising against the reward; what is missing never counts as passed."""

from rmx.gate.decide import decide
from rmx.gate.explain import explain
from rmx.gate.files import read_gate, write_gate
from rmx.gate.finding import finding, minus
from rmx.gate.requirement import Requirement, build_requirements

__all__ = [
    "Requirement",
    "build_requirements",
    "decide",
    "explain",
    "finding",
    "minus",
    "read_gate",
    "write_gate",
]
