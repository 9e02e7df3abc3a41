"""What a reader needs to run it again: command, commit, versions, seeds, fingerprints, devices, times, config."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["command_line", "facts", "flatten"]


def command_line(record: Mapping[str, Any]) -> str:
    """Return the recorded command as a shell would take it, or an empty string where none was recorded."""
    command = record.get("command") or []
    return command if isinstance(command, str) else shlex.join(str(part) for part in command)


def facts(record: Mapping[str, Any], model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the record and the model's facts hold as (name, text), a missing part said as such."""
    git = record.get("git")
    host = record.get("host") or {}
    commit = (
        f"{git['commit']}{', with uncommitted changes' if git['dirty'] else ', clean'}" if git else "not a git checkout"
    )
    cores = [f"{host[k]} {k}" for k in ("cores", "threads") if host.get(k) is not None]
    machine = [str(host[k]) for k in ("processor", "machine", "system") if host.get(k)]
    return [
        ("commit", commit),
        ("versions", _listed(record.get("versions"), " ")),
        ("seeds", _listed(record.get("seeds"), " ")),
        ("fingerprints", _listed(record.get("fingerprints"), " ")),
        ("model", ", ".join(line.replace("=", " ", 1) for line in flatten(model)) or "not recorded"),
        ("devices", ", ".join(map(str, record.get("devices") or [])) or "not recorded"),
        ("host", ", ".join(machine + cores) or "not recorded"),
        ("started", str(record.get("started") or "not recorded")),
        ("finished", str(record.get("finished") or "not recorded")),
        ("time", _phases(record.get("phases") or [])),
        *([("earlier attempts", str(len(record["earlier"])))] if record.get("earlier") else []),
    ]


def flatten(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return a nested configuration as `key=value` lines with dotted keys, the form of a command-line override."""
    lines: list[str] = []
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            lines += flatten(value, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key}={_override(value)}")
    return lines


def _override(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_override(inner) for inner in value) + "]"
    return str(value)


def _listed(values: Mapping[str, Any] | None, between: str) -> str:
    pairs = [f"{name}{between}{'none' if value is None else value}" for name, value in (values or {}).items()]
    return ", ".join(pairs) or "not recorded"


def _phases(phases: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"{p['name']} {_seconds(p['seconds'])}{' (failed)' if p.get('failed') else ''}" for p in phases]
    return ", ".join(parts) or "not recorded"


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
