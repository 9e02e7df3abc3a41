"""Kind `verifier`: a Python function that checks a completion, run in a process of its own."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rmx.config.nearest import did_you_mean
from rmx.data.turns import readable
from rmx.domain import Candidate
from rmx.errors import ConfigError
from rmx.score_table import prompt_id
from rmx.scorers.base import MISSING, Scored
from rmx.scorers.kind import ScorerKind, Surroundings
from rmx.scorers.references import References, read_references
from rmx.scorers.verifier_process import VerifierProcess

__all__ = ["Verifier", "VerifierScorer"]

OWN = "rmx.scorers.verifiers"


@dataclass(frozen=True, kw_only=True)
class Verifier(ScorerKind):
    """The function gets the prompt (a list of role and content), the completion, and `reference` where there are any.

    It returns a number or a truth value. Only functions of the modules that are listed run.
    """

    function: str
    """`package.module:name`."""
    modules: tuple[str, ...] = (OWN,)
    """Modules whose functions may run: their code can do whatever you can."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further keyword arguments, the same for every text."""
    references: References | None = None
    """Reference answers by prompt."""
    seconds: float = 10.0
    """Time for one text; one that takes longer gets no score."""

    kind: ClassVar[str] = "verifier"

    def __post_init__(self) -> None:
        module, colon, name = self.function.partition(":")
        if not colon or not module or not name.isidentifier():
            raise ValueError(f"function {self.function!r} is not of the form package.module:name")
        if module not in self.modules:
            raise ValueError(
                f"function {self.function!r} is of a module that is not listed; if you trust its code, add it to "
                f"modules ({did_you_mean(module, self.modules)})"
            )
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ValueError("seconds must be above 0")

    @property
    def subject(self) -> str:
        """The function."""
        return self.function

    def load(self, around: Surroundings) -> VerifierScorer:
        """Start the process and import the function in it.

        Raises:
            ConfigError: It cannot be imported, or asks for what no text brings.
            DataError: The references cannot be read.
        """
        references = None if self.references is None else read_references(self.references, "scorer.verifier.references")
        given = ("prompt", "completion") if references is None else ("prompt", "completion", "reference")
        process = VerifierProcess(self.function, self.arguments, given, self.seconds)
        process.start()
        described = [self.function, dict(self.arguments), self.seconds, sorted((references or {}).items())]
        identity = hashlib.sha256(json.dumps(described, default=str).encode())
        identity.update(_source(self.function.partition(":")[0]))
        return VerifierScorer(process, references, identity.hexdigest()[:16])


class VerifierScorer:
    """A verifier behind the protocol of text scorers."""

    def __init__(self, process: VerifierProcess, references: Mapping[str, str] | None, identity: str) -> None:
        self.process = process
        self.references = references
        self.identity = f"verifier/{identity}"
        self.flags: tuple[str, ...] = ()

    def score_texts(self, candidates: Sequence[Candidate]) -> Scored:
        """Return what the function says of n candidates; one that it fails on, or loops on, has a reason."""
        values = np.full(len(candidates), np.nan)
        reasons: dict[int, str] = {}
        for number, candidate in enumerate(candidates):
            reference = None
            if self.references is not None:
                reference = self.references.get(prompt_id(candidate.prompt))
                if reference is None:
                    reasons[number] = f"{MISSING}: no reference for its prompt"
                    continue
            answer = self.process.ask(
                [{"role": m.role, "content": readable(m.content)} for m in candidate.prompt],
                readable(candidate.completion),
                reference,
            )
            if isinstance(answer, str):
                reasons[number] = answer
            else:
                values[number] = answer
        return Scored(values, reasons)


def _source(module: str) -> bytes:
    """Return the module's source, so that changed code is another scorer."""
    try:
        spec = find_spec(module)
        return b"" if spec is None or spec.origin is None else Path(spec.origin).read_bytes()
    except (ImportError, OSError, ValueError) as error:
        raise ConfigError(f"scorer.verifier.function: module {module} cannot be found ({error}); mend it") from None
