"""Rules between keys about adapters: what they are put on, and where one that exists comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rmx.config.schema import AdapterConfig, Config

__all__ = ["ADAPTER_RULES"]


def _trunk(config: Config) -> Iterator[str]:
    if config.model.trunk == "frozen" and config.adapter.kind != "none":
        yield (
            f"adapter.kind: {config.adapter.kind} cannot adapt a frozen trunk; "
            "give adapter=none with model.trunk=frozen"
        )


def _targets(config: Config) -> Iterator[str]:
    targets = config.adapter.targets
    named = isinstance(targets, list) and bool(targets) and all(isinstance(item, str) for item in targets)
    if not (isinstance(targets, str) or named):
        yield f"adapter.targets: expected all-linear, a name or a list of names, got {targets!r}"


def _found(config: Config) -> Iterator[str]:
    adapter, plain = config.adapter, AdapterConfig()
    if adapter.kind != "peft":
        if adapter.source is not None:
            yield (
                f"adapter.source: adapter.kind={adapter.kind} makes a new adapter; give adapter=peft to go on with the "
                "one there, or model.adapter to merge it first"
            )
        return
    if adapter.source is None:
        yield "adapter.source: missing value; give the directory of a peft adapter, with adapter_config.json"
    for name in ("r", "alpha", "dropout", "targets"):
        if getattr(adapter, name) != getattr(plain, name):
            yield f"adapter.{name}: adapter=peft takes it from the adapter in adapter.source; leave it out"
    if config.method.kind == "dpo":
        yield (
            "adapter.source: DPO's reference is the policy without its adapter, so what the adapter learnt "
            "before would count as reward; give model.adapter=DIR to merge it first, and adapter=lora"
        )


def _quantised(config: Config) -> Iterator[str]:
    if config.adapter.kind != "qlora":
        return
    if config.trainer.accelerator != "gpu":
        yield (
            f"adapter.kind: qlora needs bitsandbytes and a GPU, and trainer.accelerator is "
            f"{config.trainer.accelerator}; give trainer=gpu, or adapter=lora with model.dtype=bfloat16"
        )
    if config.model.dtype != "bfloat16":
        yield f"model.dtype: qlora computes in bfloat16, not {config.model.dtype}; give model.dtype=bfloat16"
    if config.model.adapter is not None:
        yield "model.adapter: cannot be merged into 4-bit weights; give adapter=lora, or merge it into a copy first"
    if config.model.compile:
        yield "model.compile: 4-bit layers are not compiled; give model.compile=false, or adapter=lora"


ADAPTER_RULES: tuple[Callable[[Config], Iterator[str]], ...] = (_trunk, _targets, _found, _quantised)
