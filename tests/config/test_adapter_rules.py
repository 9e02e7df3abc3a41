"""Rules about adapters: what would be lost, or ignored, is refused before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from tests.config.test_rules import DPO, with_values

from rmx.config.rules import check
from rmx.errors import ConfigError

QLORA = {"adapter__kind": "qlora", "trainer__accelerator": "gpu", "model__dtype": "bfloat16"}
SAMPLED = {"task": "sample", "input": "i", "output": "o", "sample__engine": "vllm"}
FOUND = {"adapter__kind": "peft", "adapter__source": "dir"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model__trunk": "frozen"}, "adapter.kind: lora cannot adapt a frozen trunk"),
        ({"adapter__targets": []}, "adapter.targets: expected all-linear"),
        ({"adapter__source": "dir"}, "adapter.source: adapter.kind=lora makes a new adapter; give adapter=peft"),
        ({"adapter__kind": "peft"}, "adapter.source: missing value; give the directory of a peft adapter"),
        (FOUND | {"adapter__r": 8}, "adapter.r: adapter=peft takes it from the adapter in adapter.source"),
        (FOUND | {"adapter__targets": ["q_proj"]}, "adapter.targets: adapter=peft takes it from"),
        (FOUND | DPO, "adapter.source: DPO's reference is the policy without its adapter"),
        (
            {"adapter__kind": "qlora"},
            "adapter.kind: qlora needs bitsandbytes and a GPU, and trainer.accelerator is cpu",
        ),
        (QLORA | {"model__dtype": "float32"}, "model.dtype: qlora computes in bfloat16, not float32"),
        (QLORA | {"model__adapter": "dir"}, "model.adapter: cannot be merged into 4-bit weights"),
        (QLORA | {"model__compile": True}, "model.compile: 4-bit layers are not compiled"),
        (SAMPLED | {"model__adapter": "dir"}, "model.adapter: sample.engine=vllm reads models as they lie there"),
        (SAMPLED | {"model__layers": 2}, "model.layers: sample.engine=vllm runs whole models"),
    ],
)
def test_nonsense_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(with_values(**values))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("values", [QLORA, FOUND, {"model__adapter": "dir"}, DPO | {"model__adapter": "dir"}])
def test_sense_passes(values: dict[str, Any]) -> None:
    check(with_values(**values))
