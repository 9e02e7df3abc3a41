"""What a command settles for its whole process: threads, and how the C library keeps memory."""

from __future__ import annotations

import ctypes
import os

import torch

from rmx.config.schema import TrainerConfig

__all__ = ["settle_process"]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Numbers of glibc's malloc.h."""


def settle_process(trainer: TrainerConfig) -> None:
    """Settle threads and memory before anything large is computed; for commands, never for a library call."""
    on_cpu = trainer.accelerator == "cpu"
    cores, processes = len(os.sched_getaffinity(0)), trainer.devices if on_cpu else 1
    # Each local process gets its share of the cores.
    torch.set_num_threads(trainer.threads or max(1, cores // processes))
    if on_cpu:
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let freed memory be used again, and not given back to the system.

    glibc asks the system for every tensor of 32 MiB and more, and gives it back when it is freed: each layer's output
    then costs a page fault for every 4 KiB of it, a fifth of the time of scoring (docs/throughput.md). The
    process keeps the most it ever had, which is what it needs again at the next step.
    """
    # Another C library (musl, macOS) has no such call, and another allocator does not read it.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)
