"""Shards ten times as large as what preparing may take: memory follows what is kept, not what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

BOUND = 60
"""MiB that preparing a part may add to a process that has imported what it needs."""
SHARDS, ROWS, TEXT = 3, 35_000, 2_000

MEASURE = r"""
import json, pathlib, re, sys
import pyarrow.parquet, rensa, xxhash
from rmx.config.schema import DataConfig
from rmx.data.prepare import prepare
from rmx.data.stream import Need

def peak():
    # Not getrusage: its peak is inherited from the process that started this one.
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024

before = peak()
data = DataConfig(path=sys.argv[1], stream=sys.argv[2] == "stream", limit=None if sys.argv[2] == "stream" else 1000)
ledger = prepare(data, need=Need(100, 8, lambda pairs: ())).ledger
print(json.dumps({"added": peak() - before, "rows": ledger.rows_in, "train": ledger.splits["train"]}))
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("shards")
    filler = "".join(chr(97 + (k * k) % 26) for k in range(TEXT))
    for shard in range(SHARDS):
        names = [f"{shard}/{k}" for k in range(ROWS)]
        sides = ("prompt", "chosen", "rejected")
        table = pa.table({side: [f"{side} {name} {filler}" for name in names] for side in sides})
        # One row group, uncompressed: the worst that a shard can be.
        path = folder / f"{shard}.parquet"
        pq.write_table(table, path, row_group_size=ROWS, compression="NONE", use_dictionary=False)
        assert pq.ParquetFile(path).metadata.num_row_groups == 1
    assert sum(file.stat().st_size for file in folder.iterdir()) > 10 * BOUND * 2**20
    return str(folder / "*.parquet")


@pytest.mark.parametrize("how", ["stream", "limit"])
def test_a_part_of_large_shards_takes_little_memory(shards: str, how: str) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE, shards, how], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["train"] >= 780
    assert found["rows"] < 1200
    assert found["added"] < BOUND, found


def test_the_bound_is_not_met_by_holding_a_row_group(shards: str) -> None:
    plain = MEASURE.replace("ledger =", "next(pyarrow.parquet.ParquetFile(sys.argv[3]).iter_batches(8)); ledger =")
    first = str(Path(shards).parent / "0.parquet")
    done = subprocess.run(
        [sys.executable, "-c", plain, shards, "stream", first], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["added"] > BOUND
