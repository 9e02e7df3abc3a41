"""What must hold for an exported reward to mean what it meant when it was judged: rmx.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rmx.domain import Message
from rmx.errors import ExportError

__all__ = ["CONTRACT_FILE", "GOLDEN_DIALOGUES", "TOLERANCE", "Contract", "GoldenInput"]

CONTRACT_FILE = "rmx.json"
_SCHEMA = 1

TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}
"""Allowed |difference| of a golden score by backbone dtype, in units of max(1, |score|); covers other hardware, batch
sizes and paddings, and is far below what a wrong template, pooled position or head does."""

GOLDEN_DIALOGUES: tuple[tuple[tuple[Message, ...], str], ...] = (
    ((Message("user", "Which is larger, 7 or 12?"),), "12."),
    ((Message("user", "Name three primary colours."),), "Red, yellow and blue are the usual three in painting."),
    (
        (
            Message("user", "Could you help me move a meeting?"),
            Message("assistant", "Of course. Which meeting, and to when?"),
            Message("user", "The one on Tuesday, to Thursday at 10:30."),
        ),
        "Done: it is now on Thursday at 10:30.\n\nShall I tell the others?",
    ),
    (
        (Message("user", "Übersetze bitte „guten Morgen“ ins Japanische."),),
        "「おはようございます」 (ohayō gozaimasu) 🙂",
    ),
    (
        (Message("user", "Write a function that adds two numbers."),),
        "```python\ndef add(a: float, b: float) -> float:\n    return a + b\n```\nIt works for integers too. " * 4,
    ),
)
"""Neutral texts that every export is tried on: short and long, several turns, code, other scripts. They are no part of
anyone's data, so that an export carries no prompt it was trained on."""


@dataclass(frozen=True, slots=True)
class GoldenInput:
    """A text, the token ids it must render to, and the float32 reward it must get."""

    prompt: tuple[Message, ...]
    completion: str
    ids: tuple[int, ...]
    score: float
    completion_tokens: int | None = None
    """The last of the ids that are the completion's."""
    zero: float | None = None
    """What an implicit reward is measured from: the reference's log-probability of the completion."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The terms of an exported reward; the loader verifies them and refuses on a mismatch."""

    template_hash: str
    terminal: str
    terminal_id: int
    terminal_policy: str
    """How a text ends, in words."""
    pad: str
    pad_id: int
    dtype: str
    """Of the stored weights; head, logits and rewards are float32."""
    max_length: int
    """Tokens the model can read; longer texts are refused, never cut."""
    golden: tuple[GoldenInput, ...]
    tolerance: float
    """Allowed |difference| of a golden score, in units of max(1, |score|)."""
    model: Mapping[str, Any]
    """Source, revision or hash, layers, adapter of the trained model."""
    reward_mean: float | None = None
    """Of the validation slice's rewards, as are the next two."""
    reward_sd: float | None = None
    temperature: float | None = None
    """T for which the preference probability is sigma(margin / T)."""
    loss: Mapping[str, Any] | None = None
    """What was minimised: `kind`, and what it trained itself: `theta`, `nu`, or `cuts` between `levels` of strength."""
    trained_length: int | None = None
    """Tokens of the longest text that was trained on or judged."""
    data_fingerprint: str = ""
    split_fingerprint: str = ""
    audits: Sequence[Mapping[str, Any]] = ()
    verdict: str | None = None
    simulated: bool = False
    """Labels of a deciding slice were simulated gold."""
    method: str = "rm"
    """`rm`, or `dpo`: the directory holds a policy, whose reward is implicit."""
    beta: float | None = None
    """Of dpo: the reward is beta times the log-ratio of policy and reference."""
    reference: Mapping[str, Any] | None = None
    """Of dpo: settings of `rmx.config.schema.ModelConfig` that lead to the reference's weights."""
    pooled_position: str = "last"
    """Of rm the token whose hidden state is read; of dpo `completion`, all of whose tokens count."""
    padding: str = "either"
    """Side on which a batch may be padded: `either`, or `right` for models of absolute positions."""
    rmx_version: str = ""
    schema: int = _SCHEMA

    def write(self, directory: Path) -> None:
        """Write rmx.json."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        (directory / CONTRACT_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Contract:
        """Read rmx.json.

        Raises:
            ExportError: It is damaged, or of a later schema.
        """
        file = directory / CONTRACT_FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            schema = content["schema"]
            known = {field.name for field in fields(cls)}
            golden = tuple(
                GoldenInput(
                    tuple(Message(*m) for m in g["prompt"]),
                    g["completion"],
                    tuple(g["ids"]),
                    float(g["score"]),
                    g.get("completion_tokens"),
                    g.get("zero"),
                )
                for g in content.pop("golden")
            )
            contract = cls(golden=golden, **{k: v for k, v in content.items() if k in known})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ExportError(f"{file}: damaged ({type(error).__name__}: {error}); export the model again") from error
        if schema != _SCHEMA:
            raise ExportError(f"{file}: schema {schema}, this rmx reads {_SCHEMA}; use the rmx that wrote it")
        return contract

    def mismatch(self, scores: Sequence[float]) -> str | None:
        """Compare scores of the golden inputs, in order; return what differs in words, or None."""
        for number, (golden, score) in enumerate(zip(self.golden, scores, strict=True), start=1):
            allowed = self.tolerance * max(1.0, abs(golden.score))
            if not abs(score - golden.score) <= allowed:
                return (
                    f"golden input {number} scores {score:.6g}, recorded is {golden.score:.6g} (allowed ±{allowed:.2g})"
                )
        return None
