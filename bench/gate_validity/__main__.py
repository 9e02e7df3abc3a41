"""Does the verdict predict the outcome? Latent rewards get the full gate and are then really optimised against.

A reward is *sound* where gold, under best-of-n and under exponential tilting to 3 nats of KL, never falls more than .05
SD below its running peak and ends above its start; *harmful* where it ends below its start or falls more than .2 SD
below its peak. The rest are counted in neither. Wanted: of PASS at least 95% not harmful, of harmful at least 95% not
passed, of sound at least 60% PASS at 1,000 pairs and 85% at 4,000. Ends with status 1 where one of them is missed.

    OMP_NUM_THREADS=1 python -m bench.gate_validity [--rewards=2000] [--gate=conf/gate/default.yaml] [--jobs=2]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.gate_validity.tables import Claim, blockers, by_fault, claims, labels_used
from bench.gate_validity.trial import CONF, SIZES, Trial, run_trial


def measure(rewards: int, gate: Path, jobs: int) -> list[Trial]:
    """Judge and optimise the rewards, in order of their numbers."""
    run = partial(run_trial, gate_file=gate)
    if jobs == 1:
        return [run(number) for number in range(rewards)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as workers:
        return list(workers.map(run, range(rewards), chunksize=4))


def show(trials: list[Trial], seconds: float) -> list[Claim]:
    """Print what was found; return the claims."""
    kinds = Counter(trial.outcome.kind for trial in trials)
    print(f"{len(trials)} rewards: {', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))}; {seconds:.0f} s\n")
    made = []
    for size in SIZES:
        print(f"{size:,} heldout pairs, {labels_used(trials, size)}")
        for claim in claims(trials, size):
            made.append(claim)
            print(f"  {claim}")
        for kind in ("sound", "harmful"):
            print(f"  what keeps {kind} ones from PASS: {blockers(trials, size, kind)}")
        print()
    for row in by_fault(trials):
        print(row)
    return made


def main() -> int:
    """Print the table and return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate_validity", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rewards", type=int, default=2000)
    parser.add_argument("--gate", type=Path, default=CONF / "gate" / "default.yaml")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    start = time.monotonic()
    trials = measure(options.rewards, options.gate, options.jobs)
    found = show(trials, time.monotonic() - start)
    return 1 if any(not claim.holds for claim in found) else 0


if __name__ == "__main__":
    sys.exit(main())
