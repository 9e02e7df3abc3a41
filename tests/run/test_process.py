"""What a command settles for its process, each time in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from rmx.config.schema import TrainerConfig
from rmx.run.process import settle_process

settle_process(TrainerConfig(accelerator={accelerator!r}, devices=1, threads=1))
up, down, x = torch.randn(1536, 64), torch.randn(64, 1536), torch.randn(8192, 64)
for _ in range(20):  # feed-forward layers, whose inner tensors are of 48 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    x = torch.tanh(torch.nn.functional.silu(x @ up.T) @ down.T)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, torch.get_num_threads())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives large blocks back at once")
@pytest.mark.parametrize(("accelerator", "again"), [("cpu", False), ("gpu", True)])
def test_on_a_cpu_freed_memory_is_used_again_without_asking_the_system(accelerator: str, again: bool) -> None:
    script = SCRIPT.format(accelerator=accelerator)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    faults, threads = map(int, done.stdout.split())
    assert (faults > 1000) == again  # a fault for every 4 KiB, or none
    assert threads == 1
