"""Power, false alarms, coverage and order of the audits over many draws of the latent worlds.

Every world is drawn with `--seeds` seeds, all audits at hand run on each draw, and what they say is counted against
what was planted and against the answer key. With 200 seeds: a planted fault must be found 194 times; an audit whose
null value is true may alarm 23 times, all such together in 6%; an interval must hold the key's value in 90%; estimates
must go with the dose (Spearman .9); and a tenth of the data must never prove what only all of it can. With fewer seeds
the bounds are the matching binomial quantiles. Ends with status 1 where a bound is missed.

    OMP_NUM_THREADS=1 python -m bench.audit_power [--seeds=200] [--worlds=W0,W1] [--jobs=2] [--plain]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from multiprocessing import get_context
from typing import Any

from bench.audit_power.cells import Cell, dose_cells, pooled, tenth_cells, world_cells
from bench.audit_power.trials import DOSES, FAULTY, run_dose, run_tenth, run_world

from rmx.worlds.latent import latent_worlds

RUNS = {"world": run_world, "dose": run_dose, "tenth": run_tenth}


def run(task: tuple[str, str, int]) -> tuple[tuple[str, str, int], Any]:
    """Run one task: (kind, name, number of the draw)."""
    kind, name, number = task
    return task, RUNS[kind](name, number)


def measure(seeds: int, worlds: list[str], jobs: int, *, also_doses: bool = True) -> list[Cell]:
    """Run everything and return the counts."""
    tasks = [("world", name, k) for name in worlds for k in range(seeds)]
    if also_doses:
        # The doses of one fault vary from draw to draw far less than from dose to dose: a quarter of the draws will do.
        tasks += [("dose", name, k) for name in DOSES for k in range(max(3, seeds // 4))]
    tenths = sorted({"W0", *FAULTY.values()} & set(worlds)) if also_doses else []
    tasks += [("tenth", name, k) for name in tenths for k in range(seeds)]
    found: dict[tuple[str, str], dict[int, Any]] = defaultdict(dict)
    if jobs == 1:
        answers = map(run, tasks)
        for (kind, name, number), answer in answers:
            found[kind, name][number] = answer
    else:
        with get_context("forkserver").Pool(jobs) as pool:
            for (kind, name, number), answer in pool.imap_unordered(run, tasks, chunksize=4):
                found[kind, name][number] = answer
    by_name = {key: [draws[k] for k in sorted(draws)] for key, draws in found.items()}
    cells = [cell for name in worlds for cell in world_cells(name, by_name["world", name])]
    cells.append(pooled(cells))
    if also_doses:
        cells += dose_cells({name: [p for draw in by_name["dose", name] for p in draw] for name in DOSES})
    if "W0" in tenths:
        faulty = {name: by_name["tenth", name] for name in tenths}
        cells += tenth_cells(by_name["world", "W0"], by_name["tenth", "W0"], faulty)
    return cells


def main() -> int:
    """Print one row for each count and return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_power", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--worlds", default=",".join(latent_worlds()), help="comma-separated names")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plain", action="store_true", help="only the worlds: no doses, no tenth of the data")
    options = parser.parse_args()
    start = time.monotonic()
    cells = measure(options.seeds, options.worlds.split(","), options.jobs, also_doses=not options.plain)
    for cell in sorted(cells, key=lambda c: (c.kind, c.metric, c.world)):
        bound = f"{'>=' if cell.at_least else '<='} {cell.bound:g}"
        mark = "" if cell.holds else "  MISSED"
        row = f"{cell.kind:18} {cell.world:22} {cell.metric:42} {cell.count:g} of {cell.of}"
        print(f"{row:94} {bound:9} {cell.note}{mark}")
    missed = [cell for cell in cells if not cell.holds]
    print(f"\n{len(cells)} counts, {len(missed)} bounds missed, {time.monotonic() - start:.0f} s")
    for cell in missed:
        print(f"MISSED {cell.kind}: {cell.world} {cell.metric}: {cell.count:g} of {cell.of}, {cell.note}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
