"""Resume checkpoints as safetensors plus JSON, written whole or not at all, and read only after their checksum."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins import CheckpointIO
from safetensors.torch import load_file, save_file

from rmx.errors import RunError

__all__ = ["SafeCheckpointIO"]

_TENSORS = "tensors.safetensors"
_STATE = "state.json"


class SafeCheckpointIO(CheckpointIO):
    """Stores Lightning's checkpoint dictionary as a directory of two files; nothing in it can run code when loaded."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write beside the target and rename, so that a kill leaves the previous checkpoint or the new one, whole."""
        target = Path(path)
        tensors: dict[str, torch.Tensor] = {}
        state = _encode(checkpoint, tensors, "")
        scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            scratch.mkdir(parents=True)
            save_file(tensors, scratch / _TENSORS)
            digest = hashlib.sha256((scratch / _TENSORS).read_bytes()).hexdigest()
            body = json.dumps({"sha256": digest, "state": state})
            envelope = {"sha256": hashlib.sha256(body.encode()).hexdigest(), "body": body}
            (scratch / _STATE).write_text(json.dumps(envelope))
            _sync(scratch)
            if target.exists():
                retired = target.with_name(f".{target.name}.{os.getpid()}.old")
                target.rename(retired)
                scratch.rename(target)
                shutil.rmtree(retired)
            else:
                scratch.rename(target)
        except OSError as error:
            shutil.rmtree(scratch, ignore_errors=True)
            raise RunError(
                f"{target}: the checkpoint could not be written ({error.strerror}); the one before is kept. "
                "Free some space or choose another hydra.run.dir, then trainer.resume=auto"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            RunError: A file is missing, or its checksum is not the recorded one.
        """
        source = Path(path)
        try:
            envelope = json.loads((source / _STATE).read_text())
            body = envelope["body"]
            intact = hashlib.sha256(body.encode()).hexdigest() == envelope["sha256"]
            content = json.loads(body)
            raw = (source / _TENSORS).read_bytes()
            intact = intact and hashlib.sha256(raw).hexdigest() == content["sha256"]
        except (OSError, KeyError, ValueError, AttributeError) as error:
            raise RunError(_damaged(source)) from error
        if not intact:
            raise RunError(_damaged(source))
        decoded: dict[str, Any] = _decode(content["state"], load_file(source / _TENSORS, device="cpu"))
        return decoded

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint directory if it is there."""
        shutil.rmtree(path, ignore_errors=True)


def _damaged(path: Path) -> str:
    return f"{path}: this checkpoint is damaged or incomplete; delete it to resume from the one before"


def _encode(value: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """Return `value` as JSON; tensors go to `tensors` under the path that leads to them."""
    match value:
        case torch.Tensor():
            # Clone: safetensors refuses tensors that share memory.
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"tensor": name}
        case dict():
            items = [[_encode(k, tensors, ""), _encode(v, tensors, f"{name}/{k}")] for k, v in value.items()]
            return {"dict": items}
        case tuple() | list():
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [_encode(v, tensors, f"{name}/{i}") for i, v in enumerate(value)]}
        case None | bool() | int() | float() | str():
            return value
        case Path():
            return str(value)
        case _:
            raise TypeError(f"checkpoint entry {name or value!r}: {type(value).__name__} is neither data nor a tensor")


def _decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "tensor":
            return tensors[content]
        case "dict":
            return {_decode(k, tensors): _decode(v, tensors) for k, v in content}
        case "tuple":
            return tuple(_decode(v, tensors) for v in content)
        case _:
            return [_decode(v, tensors) for v in content]


def _sync(directory: Path) -> None:
    for path in [*directory.iterdir(), directory]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
