"""What rendering and tokenising costs: seconds, memory and growth at 20, 40 and 160 thousand HH-sized pairs.

With the tokenizer of the embedded model; `before` is the memory that holds the libraries and the pairs.
Pairs beyond 512 tokens leave, but are tokenised like the others. CPU seconds say what the work costs when other
processes share the cores. The swapped-in words are real ones of the same data: the tokenizer's cache of words it has
met does as well as it would on real text of that size, or better.

    python bench/tokenise_cost.py ../shared/data/hh-harmless/pairs.jsonl.gz
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import yaml

from hh_sized import in_fresh_process, peak_gib, print_load, read_rows, varied_rows

SIZES = (20_000, 40_000, 160_000)
MODEL = Path(__file__).resolve().parents[1] / "conf" / "model" / "smollm2-135m.yaml"


def measure(path: str, size: int) -> None:
    """Tokenise `size` pairs, without and with a cache entry, and print the figures as JSON."""
    from rmx.config.schema import ModelConfig
    from rmx.data.expand.hh_dialogue import parse_dialogue
    from rmx.data.render import Renderer
    from rmx.data.tokens import encode_pairs
    from rmx.domain import Origin, PreferencePair
    from rmx.model.tokenizer import load_tokenizer

    cache = Path(os.environ.get("RMX_CACHE", "~/.cache/rmx")).expanduser()
    renderer = Renderer(load_tokenizer(ModelConfig(**yaml.safe_load(MODEL.read_text("utf-8"))), cache))
    pairs = []
    for number, row in enumerate(varied_rows(read_rows(path), size), start=1):
        chosen, rejected = parse_dialogue(row["chosen"])[0], parse_dialogue(row["rejected"])[0]
        sides = chosen[-1].content, rejected[-1].content
        pairs.append(PreferencePair(str(number), chosen[:-1], *sides, Origin("hh", number)))
    before = peak_gib()
    with tempfile.TemporaryDirectory() as folder:
        start, worked = time.perf_counter(), time.process_time()
        encoded = encode_pairs(renderer, pairs, max_length=512, cache_dir=Path(folder))
        seconds, cpu = time.perf_counter() - start, time.process_time() - worked
        peak = peak_gib()
        start = time.perf_counter()
        again = encode_pairs(renderer, pairs, max_length=512, cache_dir=Path(folder))
        cached = time.perf_counter() - start
        store = encoded.store
        figures = {
            "pairs": len(pairs),
            "tokens": int(store.lengths.sum()),
            "once": int((store.lengths - store.prompt_lengths).sum() + store.prompt_lengths[encoded.chosen].sum()),
            "over": len(encoded.rejections),
            "seconds": seconds,
            "cpu": cpu,
            "before": before,
            "peak": peak,
            "cached": cached,
            "file": sum(f.stat().st_size for f in Path(folder).glob("*.arrow")) / 2**20,
            "same": bool((again.store.flat == store.flat).all()),
        }
    print(json.dumps(figures))


def main() -> None:
    """Measure each size in a fresh process, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hh", help="the real HH rows (JSON Lines, gzip)")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.hh, options.sizes[0])
        return
    print_load()
    print(
        f"{'pairs':>8} {'tokens':>12} {'prompt once':>12} {'over 512':>8} {'seconds':>8} {'cpu s':>7} {'cpu/10k':>8} "
        f"{'before GiB':>10} {'peak GiB':>9} {'file MiB':>8} {'cached s':>8}"
    )
    for size in options.sizes:
        f = in_fresh_process(__file__, options.hh, "--sizes", str(size))
        if not f["same"]:
            raise SystemExit("the cache gave other tokens")
        print(
            f"{f['pairs']:>8,} {f['tokens']:>12,} {f['once']:>12,} {f['over']:>8,} {f['seconds']:>8.1f} "
            f"{f['cpu']:>7.1f} {f['cpu'] / f['pairs'] * 1e4:>8.2f} {f['before']:>10.2f} {f['peak']:>9.2f} "
            f"{f['file']:>8.0f} {f['cached']:>8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
