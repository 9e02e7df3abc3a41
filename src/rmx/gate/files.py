"""`gate.json`: the decision with the hashes of what it rests on, so that an edited file is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rmx.audits.files import plain, result_from_json, write_json
from rmx.domain import GateDecision, RequirementOutcome
from rmx.errors import DataError
from rmx.gate.explain import explain

__all__ = ["read_gate", "write_gate"]


def write_gate(
    decision: GateDecision, path: Path, *, audits: Path, fingerprints: Mapping[str, str] | None = None
) -> None:
    """Write the decision.

    Args:
        decision: The decision.
        path: Where to write, usually `gate.json`.
        audits: The written `audits.json` that it rests on; its hash is recorded under its file name.
        fingerprints: Of data, split, model and scores, to be compared when the decision is read.
    """
    requirements = [{**asdict(outcome), "sentence": explain(outcome)} for outcome in decision.requirements]
    content = plain(
        {
            "gate": decision.gate,
            "verdict": decision.verdict,
            "simulated": decision.simulated,
            "folds": decision.folds,
            "blocked_by": list(decision.blocked_by),
            "requirements": requirements,
            "fingerprints": dict(fingerprints or {}),
            "audits": {"file": audits.name, "sha256": hashlib.sha256(audits.read_bytes()).hexdigest()},
        }
    )
    write_json({**content, "sha256": _digest(content)}, Path(path))


def read_gate(path: Path, *, fingerprints: Mapping[str, str] | None = None) -> GateDecision:
    """Read a decision and check that it still stands.

    Args:
        path: The file.
        fingerprints: What the reader has at hand; every one that the decision recorded too must be equal.

    Raises:
        DataError: The file or its `audits.json` is missing, cut or edited, or belongs to other data or another model.
    """
    path = Path(path)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        recorded = content.pop("sha256")
        beside = path.parent / Path(content["audits"]["file"]).name
        audits = beside.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: no such file; decide the gate again") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a complete gate decision ({error}); decide the gate again") from None
    if recorded != _digest(content):
        raise DataError(f"{path}: edited after it was written; decide the gate again")
    if hashlib.sha256(audits).hexdigest() != content["audits"]["sha256"]:
        raise DataError(f"{beside}: not the audits that {path.name} was decided on; decide the gate again")
    for name, value in (fingerprints or {}).items():
        if content["fingerprints"].get(name, value) != value:
            raise DataError(f"{path}: decided for another {name} ({content['fingerprints'][name]}, here {value})")
    return GateDecision(
        gate=content["gate"],
        verdict=content["verdict"],
        requirements=tuple(_outcome(row, f"{path}: {row['name']}") for row in content["requirements"]),
        blocked_by=tuple(content["blocked_by"]),
        simulated=content["simulated"],
        folds=content.get("folds", 0),  # files of before there were any have none
    )


def _outcome(row: Mapping[str, Any], where: str) -> RequirementOutcome:
    values = {name: value for name, value in row.items() if name != "sentence"}
    if values["result"] is not None:
        values["result"] = result_from_json(values["result"], where=where)
    return RequirementOutcome(**values)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
