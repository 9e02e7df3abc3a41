"""What a run found out about its reward, as far as it travels with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rmx.audits.files import plain
from rmx.domain import AuditResult, GateDecision

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """Measured on the checkpoint that is exported."""

    reward_mean: float | None = None
    """Of the validation slice's rewards, as are the next two."""
    reward_sd: float | None = None
    temperature: float | None = None
    loss: Mapping[str, Any] | None = None
    """What was minimised: its kind, and what it trained itself."""
    trained_length: int | None = None
    """`data.max_length`: tokens of the longest text that was trained on or judged."""
    data_fingerprint: str = ""
    split_fingerprint: str = ""
    audits: Sequence[AuditResult] = ()
    gate: GateDecision | None = None

    def audit_rows(self) -> list[Mapping[str, Any]]:
        """Return the audits as plain data; what JSON cannot hold (NaN, infinity) becomes text."""
        return [plain(asdict(result)) for result in self.audits]
