"""Rules between keys about processes and memory: what the chosen way of running cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rmx.config.losses import LOSS_TRAITS
from rmx.config.schema import Config

__all__ = ["HARDWARE_RULES"]


def _processes(config: Config) -> Iterator[str]:
    trainer = config.trainer
    if trainer.devices * trainer.num_nodes > 1 and trainer.strategy == "auto":
        yield (
            f"trainer.strategy: {trainer.devices * trainer.num_nodes} processes need ddp or fsdp; "
            f"give trainer={'ddp_cpu' if trainer.accelerator == 'cpu' else 'ddp'}"
        )


def _sharded(config: Config) -> Iterator[str]:
    """Refuse what needs the whole model in every process, or runs it where the others do not."""
    if config.trainer.strategy != "fsdp":
        return
    model = config.model
    trains_dpo = config.method.kind == "dpo" or (config.task == "decide" and config.decide.dpo is None)
    for unfit, key, why, remedy in (
        (
            trains_dpo,
            "method.kind",
            "DPO asks its reference of what each process has not seen yet, at different times",
            "give trainer=ddp, or method=rm",
        ),
        (
            model.trunk == "frozen",
            "model.trunk",
            "features of a frozen trunk are computed by each process when it first meets a text",
            "give trainer=ddp, or model.trunk=trained",
        ),
        (
            model.head_init == "probe",
            "model.head_init",
            "the probe reads the model before it is sharded",
            "give model.head_init=normal, or trainer=ddp",
        ),
        (
            LOSS_TRAITS[config.loss.kind].trained,
            "loss.kind",
            f"the thresholds of {config.loss.kind} are averaged by data parallelism of whole models",
            "give loss=bt, or trainer=ddp",
        ),
        (model.compile, "model.compile", "compiled layers are not sharded", "give model.compile=false, or trainer=ddp"),
        (
            model.activation_offload,
            "model.activation_offload",
            "weights that are put together for a layer would be taken for activations",
            "give model.gradient_checkpointing=true in its place",
        ),
        (
            model.checkpointing_reentrant,
            "model.checkpointing_reentrant",
            "sharded layers are recomputed in the other way",
            "leave it out",
        ),
        (
            config.adapter.kind == "qlora",
            "adapter.kind",
            "4-bit weights are not sharded",
            "give adapter=lora, or trainer=ddp",
        ),
    ):
        if unfit:
            yield f"{key}: trainer.strategy=fsdp cannot do this, because {why}; {remedy}"


def _memory(config: Config) -> Iterator[str]:
    model = config.model
    if model.checkpointing_reentrant and not model.gradient_checkpointing:
        yield (
            "model.checkpointing_reentrant: says how layers are run again, and none is; "
            "give model.gradient_checkpointing=true too"
        )
    if not model.activation_offload:
        return
    if config.trainer.accelerator == "cpu":
        yield (
            "model.activation_offload: on the processor activations are on the host already; leave it out, "
            "or save memory by model.gradient_checkpointing=true"
        )
    if model.compile:
        yield "model.activation_offload: compiled layers keep what they save to themselves; give model.compile=false"


HARDWARE_RULES: tuple[Callable[[Config], Iterator[str]], ...] = (_processes, _sharded, _memory)
