"""What a run was: commit, versions, seeds, fingerprints, devices and times, written as `record.json`."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rmx import __version__
from rmx.config.redact import redact_text
from rmx.errors import RunError
from rmx.whole_file import write_text

__all__ = ["GitState", "PhaseTime", "RunRecord", "git_state", "host_facts", "package_versions", "redact_argument"]

PACKAGES = ("torch", "transformers", "peft", "pytorch-lightning", "hydra-core", "numpy")


@dataclass(frozen=True, slots=True)
class GitState:
    """The commit that was checked out, and whether anything not ignored differed from it (new files count)."""

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """One timed part of a run; `seconds` is wall time, `failed` says that an exception ended it."""

    name: str
    started: str
    seconds: float
    failed: bool = False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_state(directory: Path) -> GitState | None:
    """Return the git state of the checkout that holds `directory`, or None where there is no checkout or no git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  fixed arguments, no shell
            ["git", "-C", str(directory), *arguments],  # noqa: S607  whichever git the user has
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
        return done.stdout.strip()

    try:
        return GitState(commit=git("rev-parse", "--verify", "HEAD"), dirty=bool(git("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None


def package_versions() -> dict[str, str | None]:
    """Return the versions of rmx, Python and the packages that decide numbers; None for one that is not installed.

    Read from package metadata: nothing is imported.
    """
    versions: dict[str, str | None] = {"rmx": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def host_facts() -> dict[str, Any]:
    """Return machine, processor, cores and threads; torch is asked only where the run has already imported it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor_name(),
        "cores": cores,
        "threads": torch.get_num_threads() if torch is not None else None,
    }


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module has a name for it
    return platform.processor()


def _visible_devices() -> list[str]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ["cpu"]
    return [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]


def _peak_memory() -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In KiB, on macOS in bytes (getrusage(2)).
    found = {"process_gib": round(peak / (2**30 if platform.system() == "Darwin" else 2**20), 3)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        found["device_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
    return found


def redact_argument(argument: str) -> str:
    """Return a command-line argument without what looks like a secret: by its key, its value or a URL's password."""
    key, equals, value = argument.partition("=")
    return f"{key}={redact_text(key, value)}" if equals else redact_text("", argument)


@dataclass
class RunRecord:
    """The facts of one run, filled in as it goes; `write` may be called at any time and replaces the file whole."""

    task: str
    command: list[str]
    started: str
    git: GitState | None
    versions: dict[str, str | None]
    host: dict[str, Any]
    devices: list[str] = field(default_factory=list)
    """Devices that computed, for example `cpu` or `cuda:0 NVIDIA H100`; `finish` fills in the visible ones."""
    seeds: dict[str, int] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Of data, split, template and weights, under those names."""
    phases: list[PhaseTime] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    """Peak memory in GiB: `process_gib` of this process, `device_gib` of its GPU where it used one."""
    finished: str | None = None
    earlier: list[dict[str, Any]] = field(default_factory=list)
    """Commands and times of the interrupted attempts that this run continues, oldest first."""

    @classmethod
    def begin(
        cls,
        task: str,
        *,
        seeds: Mapping[str, int],
        argv: Sequence[str] | None = None,
        directory: Path | None = None,
        resumes: Path | None = None,
    ) -> RunRecord:
        """Start the record of a run.

        Args:
            task: Name of the command, for example `train`.
            seeds: Every seed of the run by name.
            argv: The command line; the running process's own where None. Secrets are redacted.
            directory: The directory whose project's git state is recorded; the working directory where None.
            resumes: A `record.json` of the attempt that this run continues; its times are kept under `earlier`.

        Raises:
            RunError: `resumes` exists but cannot be read.
        """
        return cls(
            task=task,
            command=[redact_argument(part) for part in (sys.orig_argv if argv is None else argv)],
            started=_now(),
            git=git_state(directory or Path.cwd()),
            versions=package_versions(),
            host=host_facts(),
            seeds=dict(seeds),
            earlier=_earlier_attempts(resumes),
        )

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the run; a part that raises is recorded as failed and the exception goes on."""
        started, clock, failed = _now(), time.perf_counter(), True
        try:
            yield
            failed = False
        finally:
            self.phases.append(PhaseTime(name, started, round(time.perf_counter() - clock, 3), failed))

    def finish(self) -> None:
        """Note the end time, the peak memory, and the threads and devices as the run came to use them."""
        self.finished, self.host, self.memory = _now(), host_facts(), _peak_memory()
        self.devices = self.devices or _visible_devices()

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write the record as JSON; readers see the old file or the new one, never a part.

        Raises:
            RunError: The file cannot be written.
        """
        write_text(path, json.dumps(self.to_json(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _earlier_attempts(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.exists():
        return []
    try:
        last = json.loads(path.read_text(encoding="utf-8"))
        attempt = {key: last[key] for key in ("command", "started", "finished", "git", "phases")}
        return [*last["earlier"], attempt]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not a run record ({error}); move it away to resume without its times") from error
