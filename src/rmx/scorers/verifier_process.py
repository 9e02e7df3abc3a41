"""The process in which a verifier runs: asked one text at a time, ended and begun anew when it does not answer."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from rmx.errors import ConfigError

__all__ = ["VerifierProcess"]

_START = 60.0
"""Seconds that importing the function may take."""


class VerifierProcess:
    """Sends texts to `rmx.scorers.verifier_worker` as JSON lines and reads its answers.

    Args:
        function: `package.module:name`.
        arguments: Keyword arguments of every call.
        given: Names of those that each text brings.
        seconds: Time for one text.
    """

    def __init__(self, function: str, arguments: Mapping[str, Any], given: Sequence[str], seconds: float) -> None:
        self.function = function
        self.seconds = seconds
        how = [json.dumps(dict(arguments)), json.dumps(list(given))]
        self._command = [sys.executable, "-m", "rmx.scorers.verifier_worker", function, *how]
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def start(self) -> None:
        """Start it and wait until the function is imported.

        Raises:
            ConfigError: It cannot be.
        """
        # A session of its own: whatever the function starts can be ended with it.
        self._process = subprocess.Popen(  # noqa: S603  the function's module is on the user's list
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._finish = weakref.finalize(self, _end, self._process)
        self._rest = b""
        told = self._read(_START)
        if told is None or "error" in told:
            self.stop()
            why = f"not imported after {_START:g} s" if told is None else told["error"]
            raise ConfigError(
                f"scorer.verifier.function: {self.function}: {why}; mend the function or its name, or give "
                "what it asks for: scorer.verifier.references (reference) or scorer.verifier.arguments"
            )

    def ask(self, prompt: Sequence[Mapping[str, str]], completion: str, reference: str | None) -> float | str:
        """Return the function's number, or why there is none: a code, a colon, a detail."""
        if self._process is None:
            self.start()
        assert self._process is not None  # noqa: S101  started above
        assert self._process.stdin is not None  # noqa: S101  a pipe
        question = {"prompt": list(prompt), "completion": completion}
        if reference is not None:
            question["reference"] = reference
        told: dict[str, Any] | None = {"error": "crash: the process ended"}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            told = self._read(self.seconds)
        if told is None:
            self.stop()
            return f"timeout: {self.function} had not answered after {self.seconds:g} s"
        if "error" in told:
            if self._process.poll() is not None or told["error"].startswith("crash:"):
                self.stop()
            return str(told["error"])
        return float(told["value"])

    def stop(self) -> None:
        """End the process and what it has started."""
        if self._process is not None:
            self._finish()  # once: its number may belong to another process later
        self._process = None

    def _read(self, seconds: float) -> dict[str, Any] | None:
        """Return the next line, an error where the process ends before it, or None after so many seconds."""
        assert self._process is not None  # noqa: S101  only called on a started process
        assert self._process.stdout is not None  # noqa: S101  a pipe
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = deadline - time.monotonic()
                if left <= 0 or not ready.select(left):
                    return None
                part = os.read(self._process.stdout.fileno(), 1 << 16)
                if not part:
                    return {"error": "crash: the process ended"}
                self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    # Its group too where the process itself has ended: what it started may go on.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
