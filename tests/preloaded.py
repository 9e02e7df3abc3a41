"""rmx commands as processes of their own that need not import torch: forks of one server a worker.

A command that trains two steps spends most of its time on imports. These processes are fresh in all else: rmx itself is
imported anew, arguments, environment, working directory, output and exit status are theirs. What a test says about
start-up, about several ranks or about signals is said of a real `python -m`, with subprocess.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["run_module"]

# Nothing of rmx, and nothing that starts threads or reads its settings when it is imported.
_LIBRARIES = (
    "torch", "pytorch_lightning", "peft", "safetensors.torch", "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto", "pyarrow.parquet", "hydra",
    "scipy.stats", "statsmodels.api", "sklearn.linear_model", "datasets", "matplotlib.figure",
)  # fmt: skip
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(_LIBRARIES))


def run_module(
    module: str,
    *arguments: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 250,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS…` in a fork that has the libraries; as subprocess.run with text captured.

    Raises:
        subprocess.TimeoutExpired: It took longer, and has been killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / "out", Path(folder) / "err"]
        around = dict(os.environ if environment is None else environment)
        job = _FORKS.Process(target=_become, args=(module, arguments, str(cwd or Path.cwd()), around, streams))
        job.start()
        job.join(timeout)
        if job.exitcode is None:
            job.kill()
            job.join()
            raise subprocess.TimeoutExpired([module, *arguments], timeout)
        output, errors = (path.read_text() if path.exists() else "" for path in streams)
        return subprocess.CompletedProcess([module, *arguments], job.exitcode, output, errors)


def _become(module: str, arguments: tuple[str, ...], cwd: str, around: dict[str, str], streams: list[Path]) -> None:
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(around)
    sys.argv = [module, *arguments]
    multiprocessing.set_start_method(None, force=True)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a fork of multiprocessing leaves without them
