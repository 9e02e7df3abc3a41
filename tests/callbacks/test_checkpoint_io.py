"""Checkpoints: round trip, damage is noticed, nothing else than data is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rmx.callbacks.checkpoint_io import SafeCheckpointIO
from rmx.errors import RunError

CONTENT = {
    "state_dict": {"head.weight": torch.arange(6.0).reshape(2, 3)},
    "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}, "lr": (0.9, 0.999)}],
    "global_step": 11,
    "nothing": None,
    "flag": True,
    "score": float("inf"),
}


def equal(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return a == b and type(a) is type(b)


def test_round_trip_keeps_types_keys_and_bits(tmp_path: Path) -> None:
    io = SafeCheckpointIO()
    io.save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    io.save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    assert equal(io.load_checkpoint(tmp_path / "last.ckpt"), CONTENT)
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
def test_damage_is_refused_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    io = SafeCheckpointIO()
    io.save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    file = tmp_path / "last.ckpt" / name
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    match damage:
        case "flip":
            file.write_bytes(raw)
        case "cut":
            file.write_bytes(raw[: len(raw) // 2])
        case _:
            file.unlink()
    with pytest.raises(RunError, match="damaged or incomplete") as error:
        io.load_checkpoint(tmp_path / "last.ckpt")
    assert "\n" not in str(error.value)


def test_an_object_is_refused_and_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    io = SafeCheckpointIO()
    io.save_checkpoint(CONTENT, tmp_path / "last.ckpt")
    with pytest.raises(TypeError, match="neither data nor a tensor"):
        io.save_checkpoint({"x": object()}, tmp_path / "last.ckpt")
    assert io.load_checkpoint(tmp_path / "last.ckpt")["global_step"] == 11
