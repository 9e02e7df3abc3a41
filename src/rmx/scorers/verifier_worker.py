"""Runs a verifier: JSON lines in, JSON lines out; started by `rmx.scorers.verifier_process`."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Import the function that the command line names and answer until the input ends."""
    # What the function prints must not stand among the answers, nor may it, or what it starts, read the questions.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    module, _, name = sys.argv[1].partition(":")
    arguments, given = json.loads(sys.argv[2]), json.loads(sys.argv[3])
    try:
        function = getattr(importlib.import_module(module), name)
        # A function that cannot be called at all would refuse every text, one by one.
        inspect.signature(function).bind(**dict.fromkeys(given), **arguments)
    except Exception as error:  # whatever somebody's module raises when it is imported
        say({"error": _told(error)})
        return
    say({"ready": True})
    for line in questions:
        try:
            value = function(**json.loads(line), **arguments)
        except Exception as error:  # whatever somebody's function raises
            say({"error": f"verifier_error: {_told(error)}"})
            continue
        if isinstance(value, bool | int | float):
            say({"value": float(value)})
        else:
            say({"error": f"no_number: it returned {type(value).__name__}"})


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0][:200]}"


if __name__ == "__main__":
    main()
