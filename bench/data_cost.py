"""What preparing data costs: seconds, memory and growth at 40, 80 and 160 thousand HH-sized pairs.

The pairs are made from the real HH rows: each copy keeps a row's turns and lengths and swaps half of its words for
words of the same data, so that copies are neither duplicates nor near-duplicates. Every size runs in a process of its
own, for its peak memory. CPU seconds say what the work costs when other processes share the cores.

    python bench/data_cost.py ../shared/data/hh-harmless/pairs.jsonl.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = (40_000, 80_000, 160_000)


def varied(rows: list[dict[str, str]], size: int) -> Iterator[dict[str, str]]:
    """Yield `size` rows: the real ones, then copies with half of their words swapped."""
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


def measure(path: str) -> None:
    """Prepare one file, without and with a cache, and print the figures as JSON."""
    from rmx.config.schema import DataConfig
    from rmx.data.prepare import prepare

    data = DataConfig(name="hh", path=path, format="hh_dialogue")
    start, worked = time.perf_counter(), time.process_time()
    prepared = prepare(data)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with tempfile.TemporaryDirectory() as cache:
        prepare(data, cache=Path(cache))
        start = time.perf_counter()
        again = prepare(data, cache=Path(cache))
        cached = time.perf_counter() - start
    figures = {
        "pairs": prepared.ledger.comparisons_in,
        "kept": prepared.ledger.kept,
        "links": prepared.ledger.near_duplicates.links,
        "seconds": round(seconds, 2),
        "cpu": round(cpu, 2),
        "peak_gib": round(peak, 2),
        "cached_seconds": round(cached, 2),
        "same": again.fingerprint == prepared.fingerprint,
    }
    print(json.dumps(figures))


def main() -> None:
    """Build the files, measure each in a fresh process, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hh", help="the real HH rows (JSON Lines, gzip)")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.hh)
        return
    with gzip.open(options.hh, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    print(
        f"{'pairs':>8} {'kept':>8} {'links':>6} {'seconds':>8} {'cpu s':>7} {'cpu/10k':>8} "
        f"{'peak GiB':>9} {'cached s':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            file = Path(folder) / f"pairs-{size}.jsonl.gz"
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as stream:
                stream.writelines(json.dumps(row) + "\n" for row in varied(rows, size))
            command = [sys.executable, __file__, str(file), "--measure"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            f = json.loads(done.stdout)
            print(
                f"{f['pairs']:>8,} {f['kept']:>8,} {f['links']:>6,} {f['seconds']:>8} {f['cpu']:>7} "
                f"{f['cpu'] / f['pairs'] * 1e4:>8.2f} {f['peak_gib']:>9} {f['cached_seconds']:>9}"
            )


if __name__ == "__main__":
    main()
