"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from rmx.config.schema import ModelConfig

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Two shared cores: a slow moment is not a failure, a hang is (pytest-timeout).
settings.register_profile("rmx", deadline=None)
settings.load_profile("rmx")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real preference data beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("RMX_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real preference data at {folder}; set RMX_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def weights_cache() -> Path:
    """The user's own cache: the embedded weights are fetched and converted once per machine."""
    return Path(os.environ.get("RMX_CACHE", "~/.cache/rmx")).expanduser()


@pytest.fixture(scope="session")
def model_named(repository: Path) -> Callable[..., ModelConfig]:
    """Return a model of conf/model by name, with fields replaced."""

    def named(name: str, **changes: Any) -> ModelConfig:
        fields = yaml.safe_load((repository / "conf" / "model" / f"{name}.yaml").read_text())
        return ModelConfig(**{**fields, **changes})

    return named
