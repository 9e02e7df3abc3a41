"""Verifiers that come with rmx: exact match, a pattern, unit tests."""

from __future__ import annotations

import re
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rmx.data.text import normalise

__all__ = ["exact_match", "regex", "unit_test"]

Prompt = Sequence[dict[str, str]]

_FENCE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)


def exact_match(prompt: Prompt, completion: str, reference: str) -> bool:
    """Whether completion and reference are the same text, case, white space and compatible Unicode forms aside."""
    return normalise(completion) == normalise(reference)


def regex(prompt: Prompt, completion: str, pattern: str = "", reference: str | None = None) -> bool:
    """Whether a pattern is found in the completion.

    Args:
        prompt: Not read.
        completion: The answer.
        pattern: A regular expression; `{reference}` in it stands for the reference, taken literally.
        reference: The prompt's reference answer, where there are any.
    """
    if not pattern:
        raise ValueError("scorer.verifier.arguments.pattern is missing")
    return re.search(pattern.replace("{reference}", re.escape(reference or "")), completion) is not None


def unit_test(prompt: Prompt, completion: str, reference: str, seconds: float = 5.0, megabytes: int = 512) -> bool:
    """Whether the completion's Python code passes the reference, which is test code that fails by raising.

    The code of all fenced blocks, or else the whole completion, runs before the tests in an isolated interpreter: no
    inherited environment, an empty directory, bounded time, memory and file sizes. That is no sandbox: files and
    network can be reached, so run it where nothing is worth reaching. Code that ends the interpreter before the tests
    begin fails; one that means to deceive them, in the interpreter that they share, can.

    Args:
        prompt: Not read.
        completion: The answer.
        reference: The test code.
        seconds: Processor and wall time; keep it below scorer.verifier.seconds.
        megabytes: Address space.
    """
    code = "\n".join(_FENCE.findall(completion)) or completion
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "answer.py"
        # Otherwise `exit()` at the end of an answer would pass every test.
        reached = Path(folder) / secrets.token_hex(8)
        script.write_text(f"{code}\n\nopen({str(reached)!r}, 'x').close()\n{reference}\n", encoding="utf-8")

        def bound() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
            limit = max(1, int(seconds + 1))
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        try:
            done = subprocess.run(  # noqa: S603  running the answer is what was asked for
                [sys.executable, "-I", str(script)],
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                preexec_fn=bound,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0 and reached.exists()
