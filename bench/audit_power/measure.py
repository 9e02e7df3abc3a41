"""All draws of all worlds in several processes, and what was counted over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from bench.audit_power.cells import Cell, dose_cells, pooled, tenth_cells, world_cells
from bench.audit_power.trials import DOSES, FAULTY, run_dose, run_tenth, run_world

__all__ = ["measure"]

Task = tuple[str, str, int]
RUNS = {"world": run_world, "dose": run_dose, "tenth": run_tenth}


def run(task: Task) -> tuple[Task, Any]:
    """Run one task: (kind, name, number of the draw)."""
    kind, name, number = task
    return task, RUNS[kind](name, number)


def run_all(tasks: list[Task], jobs: int) -> Iterable[tuple[Task, Any]]:
    """Run the tasks, each of which is another draw."""
    if jobs == 1:
        yield from map(run, tasks)
        return
    # Unlike a Pool, which would replace it for ever, the executor says so where a worker dies.
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as workers:
        yield from workers.map(run, tasks, chunksize=4)


def measure(seeds: int, worlds: list[str], jobs: int, *, also_doses: bool = True) -> list[Cell]:
    """Run everything and return the counts."""
    tasks = [("world", name, k) for name in worlds for k in range(seeds)]
    if also_doses:
        # The doses of one fault vary from draw to draw far less than from dose to dose: a quarter of the draws will do.
        tasks += [("dose", name, k) for name in DOSES for k in range(max(3, seeds // 4))]
    tenths = sorted({"W0", *FAULTY.values()} & set(worlds)) if also_doses else []
    tasks += [("tenth", name, k) for name in tenths for k in range(seeds)]
    found: dict[tuple[str, str], dict[int, Any]] = defaultdict(dict)
    for (kind, name, number), answer in run_all(tasks, jobs):
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
