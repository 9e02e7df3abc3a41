"""HH-sized pairs in any number, and a process of its own for every measurement."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["in_fresh_process", "peak_gib", "print_load", "read_rows", "varied_rows"]


def read_rows(path: str) -> list[dict[str, str]]:
    """Read JSON Lines, gzip."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def varied_rows(rows: list[dict[str, str]], size: int) -> Iterator[dict[str, str]]:
    """Yield `size` rows: the real ones, then copies with half of their words swapped for words of the same data.

    A copy keeps a row's turns and lengths, and is neither a duplicate nor a near-duplicate of it.
    """
    vocabulary = sorted({word for row in rows for word in row["chosen"].split()} - {"Human:", "Assistant:"})
    rng = random.Random(0)

    def swap(text: str) -> str:
        # Line by line: turns open after an empty line, and their markers stay.
        lines = []
        for line in text.split("\n"):
            words = line.split(" ")
            keep = 1 if words[0] in ("Human:", "Assistant:") else 0
            lines.append(
                " ".join(
                    w if i < keep or not w or rng.random() < 0.5 else rng.choice(vocabulary)
                    for i, w in enumerate(words)
                )
            )
        return "\n".join(lines)

    for k in range(size):
        row = rows[k % len(rows)]
        if k < len(rows):
            yield row
            continue
        chosen, rejected = row["chosen"], row["rejected"]
        head = chosen.rfind("\n\nAssistant:")
        if rejected[:head] != chosen[:head]:
            yield {"chosen": swap(chosen), "rejected": swap(rejected)}
            continue
        context = swap(chosen[:head])
        yield {"chosen": context + swap(chosen[head:]), "rejected": context + swap(rejected[head:])}


def in_fresh_process(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script with `--measure`, for a peak memory of its own, and return the figures it prints as JSON."""
    command = [sys.executable, script, *arguments, "--measure"]
    figures: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return figures


def peak_gib() -> float:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def print_load() -> None:
    """Say what else the machine was doing."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
