"""Another rmx command as a process of its own: what it says passes through, and what ends this one ends it too."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

__all__ = ["run_child"]

_PATIENCE = 60.0
"""Seconds an interrupted child has for its checkpoint."""


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end; return its exit status and the last line of its standard error, which passes through.

    Raises:
        KeyboardInterrupt: This process was asked to end (Ctrl-C or SIGTERM); the child was, too, and has ended.
    """
    process = subprocess.Popen(command, env=dict(environment), stderr=subprocess.PIPE)  # noqa: S603  our own command line
    lines: list[str] = []
    reader = threading.Thread(target=_pass_through, args=(process.stderr, lines), daemon=True)
    reader.start()
    with _termination_ends(process):
        status = process.wait()
    reader.join(timeout=5)  # a rank left behind may hold the pipe open
    return status, lines[-1] if lines else ""


def _pass_through(stream: IO[bytes], lines: list[str]) -> None:
    for raw in stream:
        line = raw.decode(errors="replace")
        sys.stderr.write(line)
        sys.stderr.flush()
        if line.strip():
            lines[:] = [line.strip()]


@contextmanager
def _termination_ends(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """While a child runs, let SIGTERM and Ctrl-C end it too, with time to write its checkpoint."""

    def terminate(*_: Any) -> None:
        process.terminate()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:  # the terminal has sent Ctrl-C to the child as well
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
