"""Rules about processes and memory: what a way of running cannot do is refused before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from tests.config.test_rules import DPO, with_values

from rmx.config.rules import check
from rmx.errors import ConfigError

FSDP = {"trainer__strategy": "fsdp", "trainer__devices": 2}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainer__devices": 2}, "trainer.strategy: 2 processes need ddp or fsdp; give trainer=ddp_cpu"),
        ({"trainer__strategy": "fsdq"}, "trainer.strategy: 'fsdq' is not valid; did you mean `fsdp`?"),
        (FSDP | DPO, "method.kind: trainer.strategy=fsdp cannot do this, because DPO asks its reference"),
        (FSDP | {"task": "decide"}, "method.kind: trainer.strategy=fsdp cannot do this, because DPO"),
        (FSDP | {"model__trunk": "frozen", "adapter__kind": "none"}, "model.trunk: trainer.strategy=fsdp cannot"),
        (FSDP | {"model__head_init": "probe"}, "model.head_init: trainer.strategy=fsdp cannot"),
        (FSDP | {"model__compile": True}, "model.compile: trainer.strategy=fsdp cannot"),
        (FSDP | {"model__activation_offload": True}, "model.activation_offload: trainer.strategy=fsdp cannot"),
        (
            FSDP | {"model__gradient_checkpointing": True, "model__checkpointing_reentrant": True},
            "model.checkpointing_reentrant: trainer.strategy=fsdp cannot",
        ),
        (
            FSDP | {"adapter__kind": "qlora", "trainer__accelerator": "gpu", "model__dtype": "bfloat16"},
            "adapter.kind: trainer.strategy=fsdp cannot",
        ),
        ({"model__checkpointing_reentrant": True}, "model.checkpointing_reentrant: says how layers are run again"),
        ({"model__activation_offload": True}, "model.activation_offload: on the processor activations are on the host"),
        (
            {"model__activation_offload": True, "trainer__accelerator": "gpu", "model__compile": True},
            "model.activation_offload: compiled layers keep what they save",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(with_values(**values))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "values",
    [
        FSDP,
        FSDP | {"model__gradient_checkpointing": True, "adapter__kind": "none"},
        FSDP | {"task": "decide", "decide__dpo": "run"},
        {"model__gradient_checkpointing": True, "model__checkpointing_reentrant": True},
        {"model__activation_offload": True, "trainer__accelerator": "gpu"},
        {"model__gradient_checkpointing": True, "model__trunk": "frozen", "adapter__kind": "none"},
    ],
)
def test_what_can_be_done_passes(values: dict[str, Any]) -> None:
    check(with_values(**values))
