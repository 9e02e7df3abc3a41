"""A sweep on this machine: one trial after the other, each a fresh process, with the finished ones kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmx.config import did_you_mean
from rmx.directory_lock import lock_directory
from rmx.errors import RunError
from rmx.search.conclusion import conclude
from rmx.search.jobs import SweepJob, columns, raise_failures, read_back, run_job
from rmx.search.method import Told
from rmx.search.plan import Plan, label
from rmx.search.summary import write_summary
from rmx.search.sweep_record import SweepRecord, Trial

__all__ = ["run_trials"]

_RECORD = "sweep.json"


def run_trials(plan: Plan, directory: Path) -> int:
    """Run the trials that have not finished, write the table, name the best; return the exit status.

    Raises:
        RunError: The directory is another's, the metric is not written, or trials failed (the others have finished).
    """
    directory = directory.absolute()
    _refuse_other_use(directory)
    lock = lock_directory(directory)
    jobs: list[SweepJob] = []
    try:
        record = SweepRecord.open(directory / _RECORD, plan.asked())
        for number in range(plan.count):
            jobs.append(_ended(number, plan, record, directory))
            value = _value(jobs[-1], plan)
            if plan.metric is not None and plan.metric.reached(value):
                print(f"trial {number} reached metric.target={plan.metric.target}: no further trials", flush=True)
                break
    finally:
        if jobs:
            write_summary(jobs, directory, _conclusion(jobs, plan))
        lock.release()
    raise_failures(jobs)
    return 0


def _refuse_other_use(directory: Path) -> None:
    held = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    if held - {".lock"} and _RECORD not in held:
        raise RunError(f"{directory}: holds something else than a sweep of rmx.sweep; choose another hydra.run.dir")


def _ended(number: int, plan: Plan, record: SweepRecord, directory: Path) -> SweepJob:
    """Return a trial that has ended: from the record, or by running it."""
    place = f"trial {number} ({number + 1} of {plan.count})"
    trial = record.trials.get(number)
    run = directory / str(number)
    if trial is None:
        point = plan.method.propose(number, _told(number, plan, record, directory))
        trial = Trial(number, point.values, point.place)
    if trial.finished:
        print(f"{place}: finished before", flush=True)
        job = _job(trial, plan, run)
    else:
        print(f"{place}: {label(trial.values)}", flush=True)
        job = _run(trial, plan, record, run)
    _refuse_unwritten(job, plan)
    return job


def _run(trial: Trial, plan: Plan, record: SweepRecord, run: Path) -> SweepJob:
    record.put(Trial(trial.number, trial.values, trial.place))
    line = plan.command.line(trial.values)
    if run.exists():  # it was stopped: what it has done stays
        line.append("trainer.resume=auto")
    run_id = f"{run.parent.name}-{trial.number}"
    job = run_job(trial.number, line, _shown(trial), run, run_id=run_id, metric=_name(plan), mode=_mode(plan))
    record.put(Trial(trial.number, trial.values, trial.place, job.exit_status, job.seconds, job.error))
    return job


def _job(trial: Trial, plan: Plan, run: Path) -> SweepJob:
    """Return a trial that ended before, its metric read again."""
    status = 0 if trial.exit_status is None else trial.exit_status
    return read_back(
        trial.number, _shown(trial), run, status, trial.seconds, trial.error, metric=_name(plan), mode=_mode(plan)
    )


def _told(number: int, plan: Plan, record: SweepRecord, directory: Path) -> list[Told]:
    ended = [trial for trial in record.trials.values() if trial.number < number and trial.exit_status is not None]
    return [
        Told(trial.point, _value(_job(trial, plan, directory / str(trial.number)), plan))
        for trial in sorted(ended, key=lambda trial: trial.number)
    ]


def _value(job: SweepJob, plan: Plan) -> float | None:
    if job.failed:
        return None
    return job.best if plan.settings.read == "best" else job.last


def _name(plan: Plan) -> str:
    return "" if plan.metric is None else plan.metric.name


def _mode(plan: Plan) -> str:
    return "max" if plan.metric is None else plan.metric.mode


def _shown(trial: Trial) -> dict[str, str]:
    return {key: str(value) for key, value in trial.values.items()}


def _refuse_unwritten(job: SweepJob, plan: Plan) -> None:
    """Stop at the first trial without the metric that the file names: the others would lack it too."""
    metric = plan.file.metric
    written = columns(job.directory)
    if metric is not None and not job.failed and metric.name not in written:
        raise RunError(
            f"{plan.file.path}: metric.name: {job.directory / 'metrics.csv'} has no column {metric.name}; "
            f"{did_you_mean(metric.name, written)}"
        )


def _conclusion(jobs: Sequence[SweepJob], plan: Plan) -> str:
    values = {job.number: value for job in jobs if (value := _value(job, plan)) is not None}
    return "" if plan.metric is None else conclude(jobs, values, plan.metric, plan.settings.read)
