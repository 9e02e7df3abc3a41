"""The processes of a SLURM job step, as Lightning reads them from SLURM's variables."""

from __future__ import annotations

import warnings

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

from rmx.errors import RunError

__all__ = ["slurm_environment"]


def slurm_environment(devices: int, num_nodes: int) -> SLURMEnvironment | None:
    """Return where this process stands in a job step that srun started; None where none did.

    Requeueing stays the batch script's: what is saved on a signal is the run's own checkpoint, which
    trainer.resume=auto continues, while Lightning would save one of its own and read that first.

    Args:
        devices: `trainer.devices`.
        num_nodes: `trainer.num_nodes`.

    Raises:
        RunError: The job step has other tasks than the configuration says.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # srun is there and not used: then this is no job step
            if not SLURMEnvironment.detect():
                return None
            found = SLURMEnvironment(auto_requeue=False)
        if devices * num_nodes > 1:
            found.validate_settings(num_devices=devices, num_nodes=num_nodes)
    except (RuntimeError, ValueError) as error:
        raise RunError(
            f"SLURM: {str(error).partition('HINT')[0].strip()} Give srun --nodes and --ntasks-per-node, one task for "
            "each GPU, and trainer=slurm, which reads them"
        ) from error
    return found
