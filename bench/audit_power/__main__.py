"""Power, false alarms, coverage and order of the audits over many draws of the latent worlds.

Every world is drawn with `--seeds` seeds, all audits at hand run on each draw, and what they say is counted against
what was planted and against the answer key. With 200 seeds: a planted fault must be found 194 times; the annotators who
are named must be exactly those that were planted in 90% (W5); an audit whose null value is true may alarm 23 times, all
such together in 6%; an interval must hold the key's value in 90%; estimates must go with the dose (Spearman .9); and a
tenth of the data must never prove what only all of it can. With fewer seeds the bounds are the matching binomial
quantiles. Ends with status 1 where a bound is missed.

    OMP_NUM_THREADS=1 python -m bench.audit_power [--seeds=200] [--worlds=W0,W1] [--jobs=2] [--plain]
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.audit_power.measure import measure

from rmx.worlds.latent import latent_worlds


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
