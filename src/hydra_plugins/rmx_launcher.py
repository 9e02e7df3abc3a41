"""Hydra's multirun as one fresh process per job, so that each job may start ranks of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from rmx.search.jobs import SweepJob, raise_failures, run_job
from rmx.search.summary import write_summary

__all__ = ["FreshProcessLauncher"]

_DROPPED = ("hydra.mode", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
"""Overrides of the sweep that a job replaces or must not repeat."""
_CONFIG = {"_target_": "hydra_plugins.rmx_launcher.FreshProcessLauncher"}

ConfigStore.instance().store(group="hydra/launcher", name="rmx", node=_CONFIG, provider="rmx")


class FreshProcessLauncher(Launcher):
    """Runs `python -m MODULE overrides… hydra.run.dir=SWEEP/JOB` for each job, one after the other.

    Hydra's own launchers run jobs inside the parent, where Lightning's ranks replay the whole multirun. A job that
    fails is named at the end and the others run; exit statuses 3 and 4 are verdicts of finished jobs.
    """

    def __init__(self) -> None:
        self._jobs: list[SweepJob] = []

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what launching needs; the task function is not used: jobs have their own process."""
        self._loader = hydra_context.config_loader
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and write the sweep's table; each return value is the job's best `trainer.monitor`, or None.

        Raises:
            RunError: Jobs failed; the others have finished.
        """
        sweep = Path(str(self._config.hydra.sweep.dir)).absolute()
        sweep.mkdir(parents=True, exist_ok=True)
        returns = []
        try:
            for number, overrides in enumerate(job_overrides, start=initial_job_idx):
                place = f"{number - initial_job_idx + 1} of {len(job_overrides)}"
                print(f"job {number} ({place}): {' '.join(overrides)}", flush=True)
                returns.append(self._launched(number, [o for o in overrides if _key(o) != "run_id"], sweep))
        finally:
            if self._jobs:
                write_summary(self._jobs, sweep)
        raise_failures(self._jobs)
        return returns

    def _launched(self, number: int, overrides: list[str], sweep: Path) -> JobReturn:
        config = self._loader.load_sweep_config(self._config, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        directory = sweep / str(config.hydra.sweep.subdir)
        monitor = str(OmegaConf.select(config, "trainer.monitor", default=""))
        mode = str(OmegaConf.select(config, "trainer.mode", default="max"))
        assigned = {_key(override): override.partition("=")[2] for override in overrides}
        command = [*self._command(), *overrides]
        run_id = f"{sweep.name}-{number}"
        job = run_job(number, command, assigned, directory, run_id=run_id, metric=monitor, mode=mode)
        self._jobs.append(job)
        return JobReturn(
            overrides=overrides,
            cfg=config,
            working_dir=str(directory),
            task_name=str(config.hydra.job.name),
            status=JobStatus.COMPLETED,
            _return_value=job.best,
        )

    def _command(self) -> list[str]:
        """Return the command line of a job up to its own overrides: interpreter, module, flags, `hydra.*` overrides."""
        spec = sys.modules["__main__"].__spec__
        program = ["-m", spec.name] if spec is not None else [str(Path(sys.argv[0]).absolute())]
        hydra = self._config.hydra
        folders = [s.path.removeprefix("file://") for s in hydra.runtime.config_sources if s.provider == "command-line"]
        flags = [flag for folder in folders for flag in ("--config-dir", folder)]
        kept = [override for override in hydra.overrides.hydra if _key(override) not in _DROPPED]
        return [sys.executable, *program, "--config-name", hydra.job.config_name, *flags, *kept]


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+")
