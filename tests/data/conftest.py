"""The tokenizer of the embedded model, for the tests of rendering."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmx.config.schema import ModelConfig
from rmx.model.tokenizer import load_tokenizer


@pytest.fixture(scope="session")
def smollm2(model_named: Callable[..., ModelConfig], weights_cache: Path) -> Any:
    """The tokenizer of the embedded model."""
    return load_tokenizer(model_named("smollm2-135m"), weights_cache)
