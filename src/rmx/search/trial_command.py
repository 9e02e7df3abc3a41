"""The command line of a trial: a sweep file's `command`, its macros replaced as W&B's agent does, and what is added."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.config import did_you_mean
from rmx.errors import ConfigError

__all__ = ["TrialCommand", "key_of", "trial_command"]

_PACKAGE = Path(__file__).resolve().parents[1]
_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
_PREFIXES = {"args_no_hyphens": "", "args_append_hydra": "+", "args_override_hydra": "++"}
_HYPHENS = ("args", "args_no_equals", "args_no_boolean_flags", "args_json", "args_json_file", "args_dict")
_WANDB = ("logger=wandb", "logger.kind=wandb")
_PLAIN = ("env", "interpreter", "program")


def key_of(override: str) -> str:
    """Return the key of an override."""
    return override.partition("=")[0].lstrip("+~")


@dataclass(frozen=True)
class TrialCommand:
    """How trials are started; `words` still has the macro for the values."""

    words: tuple[str, ...]
    extra: tuple[str, ...]
    """What was added on this machine's command line, for every trial."""
    without_wandb: bool
    """Whether the file says `logger=wandb`, which is `logger=csv` here."""

    def line(self, values: Mapping[str, Any]) -> list[str]:
        """Return the command line for the values of one trial."""
        line: list[str] = []
        for word in self.words:
            prefix = _PREFIXES.get(word[2:-1]) if word.startswith("${") else None
            line += [word] if prefix is None else [f"{prefix}{key}={value}" for key, value in values.items()]
        return [*line, *self.extra]

    def rmx_command(self, values: Mapping[str, Any]) -> tuple[str, list[str]] | None:
        """Return which command of rmx a trial starts and its overrides; None of another program."""
        line = self.line(values)
        for i, word in enumerate(line):
            module = line[i + 1] if word == "-m" and i + 1 < len(line) else ""
            by_path = Path(word).suffix == ".py" and Path(word).resolve().parent == _PACKAGE
            if module.startswith("rmx.") or by_path:
                name = Path(word).stem if by_path else module.removeprefix("rmx.")
                return name, [w for w in line[i + 1 :] if "=" in w and not w.startswith("-")]
        return None


def trial_command(
    command: Sequence[str], program: str | None, extra: Sequence[str], varied: Sequence[str], where: str
) -> TrialCommand:
    """Return how to start the trials of a sweep file on this machine.

    A word of the file whose key is given in `extra` gives way to it, and `~key` takes it out. `logger=wandb` becomes
    `logger=csv`, for a local sweep needs no account and no server; `logger=wandb` in `extra` brings it back.

    Args:
        command: The `command` of the file.
        program: Its `program`.
        extra: Overrides and flags for every trial.
        varied: Keys that the sweep varies.
        where: The file, for messages.

    Raises:
        ConfigError: A macro that rmx cannot use, none that passes the values, or `extra` fixes what is varied.
    """
    for override in extra:
        if key_of(override) in varied:
            raise ConfigError(
                f"{override}: the sweep varies {key_of(override)}; take it out of {where} or leave it out here"
            )
    words: list[str] = []
    for word in command:
        words += _replaced(word, program, where)
    if not any(word[2:-1] in _PREFIXES for word in words if word.startswith("${")):
        raise ConfigError(f"{where}: command: passes no values to its trials; add ${{args_no_hyphens}}")
    given = {key_of(word) for word in extra if "=" in word or word.startswith("~")}
    replaced = {key_of(word) for word in words if "=" in word} & given
    words = [word for word in words if "=" not in word or key_of(word) not in replaced]
    extra = [word for word in extra if not (word.startswith("~") and key_of(word) in replaced)]
    wandb = [] if any(key.partition(".")[0] == "logger" for key in given) else [w for w in words if w in _WANDB]
    words = [word.replace("wandb", "csv") if word in wandb else word for word in words]
    return TrialCommand(tuple(words), tuple(extra), bool(wandb))


def _replaced(word: str, program: str | None, where: str) -> list[str]:
    """Return a word of the command with its macro replaced; the values' own stays for each trial."""
    word = _VARIABLE.sub(lambda match: os.environ.get(match[1], match[1]), word)
    if not (word.startswith("${") and word.endswith("}")):
        return [word]
    macro = word[2:-1]
    if macro in _HYPHENS:
        raise ConfigError(f"{where}: command: ${{{macro}}} passes what rmx does not read; write ${{args_no_hyphens}}")
    if macro == "program" and program is None:
        raise ConfigError(f"{where}: program: missing, and command has ${{program}}; write program: src/rmx/train.py")
    if macro not in _PREFIXES and macro not in _PLAIN:
        raise ConfigError(f"{where}: command: no macro {word}; {did_you_mean(macro, [*_PREFIXES, *_PLAIN])}")
    return {"env": ["/usr/bin/env"], "interpreter": [sys.executable], "program": [str(program)]}.get(macro, [word])
