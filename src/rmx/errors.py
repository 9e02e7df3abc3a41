"""The errors that rmx raises on purpose; each message is one line: what, where, and how to mend it."""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DataError",
    "ExportError",
    "InterruptedRunError",
    "ModelError",
    "RmxError",
    "RunError",
    "TrainingError",
]


class RmxError(Exception):
    """Anything the user can mend. Commands print its message as one line and exit with `exit_status`."""

    exit_status = 1


class ConfigError(RmxError):
    """The configuration is wrong: an unknown key, a wrong type, a value out of range, a missing value."""

    exit_status = 2


class DataError(RmxError):
    """Input rows, files or score tables that cannot be used; names file, row and field."""


class ModelError(RmxError):
    """Weights, tokenizer or chat template that cannot be loaded or used."""


class TrainingError(RmxError):
    """Training had to stop, for example on a loss that is not finite; names the pairs of the batch."""


class ExportError(RmxError):
    """A model directory whose contract does not hold: its scores, template or tokens differ from the recorded ones."""


class RunError(RmxError):
    """A run directory that cannot be used: taken, not writable, incomplete, or of another run."""


class InterruptedRunError(RunError):
    """A run that a signal stopped after it had saved what continuing it needs."""

    exit_status = 130
