"""What preparing data costs, and searching train for what judges: at 40, 80 and 160 thousand HH-sized pairs.

CPU seconds say what the work costs when other processes share the cores.

    python bench/data_cost.py ../shared/data/hh-harmless/pairs.jsonl.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

from hh_sized import in_fresh_process, peak_gib, print_load, read_rows, varied_rows

SIZES = (40_000, 80_000, 160_000)


def measure(path: str) -> None:
    """Prepare one file, without and with a cache, and print the figures as JSON."""
    from rmx.config.schema import DataConfig
    from rmx.data.contamination.proof import prove_contamination
    from rmx.data.prepare import prepare

    data = DataConfig(name="hh", path=path, format="hh_dialogue")
    start, worked = time.perf_counter(), time.process_time()
    prepared = prepare(data)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    peak = peak_gib()
    start, worked = time.perf_counter(), time.process_time()
    searched = prove_contamination(prepared, [], data)
    search, search_cpu, search_peak = time.perf_counter() - start, time.process_time() - worked, peak_gib()
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
        "search_seconds": round(search, 2),
        "search_cpu": round(search_cpu, 2),
        "search_peak_gib": round(search_peak, 2),
        "hits": len(searched.leaks),
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
    print_load()
    print(
        f"{'pairs':>8} {'kept':>8} {'links':>6} {'seconds':>8} {'cpu s':>7} {'cpu/10k':>8} "
        f"{'peak GiB':>9} {'cached s':>9} {'search s':>9} {'cpu s':>7} {'peak GiB':>9} {'hits':>6}"
    )
    rows = read_rows(options.hh)
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            file = Path(folder) / f"pairs-{size}.jsonl.gz"
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=1) as stream:
                stream.writelines(json.dumps(row) + "\n" for row in varied_rows(rows, size))
            f = in_fresh_process(__file__, str(file))
            if not f["same"]:
                raise SystemExit("the cache gave other data")
            print(
                f"{f['pairs']:>8,} {f['kept']:>8,} {f['links']:>6,} {f['seconds']:>8} {f['cpu']:>7} "
                f"{f['cpu'] / f['pairs'] * 1e4:>8.2f} {f['peak_gib']:>9} {f['cached_seconds']:>9} "
                f"{f['search_seconds']:>9} {f['search_cpu']:>7} {f['search_peak_gib']:>9} {f['hits']:>6,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
