from __future__ import annotations

from pathlib import Path

import pytest

from rmx.config.load import compose_config
from rmx.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("slice=[sampels]", "slice: no option `sampels`; did you mean `samples`?"),
        ("slice=[llmbar,fresh_polciy]", "slice: no option `fresh_polciy`; did you mean `fresh_policy`?"),
        ("slice=llmbr", "slice: no option `llmbr`; did you mean `llmbar`?"),
        ("recipe=nune", "recipe: no option `nune`; did you mean `none`?"),
    ],
)
def test_an_option_that_was_named_must_exist(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config("train", [override], run=tmp_path / "run")
    assert str(caught.value) == message


@pytest.mark.parametrize("override", ["data=hh", "slice=[]", "slice=[llmbar]", "slice={}", "recipe=none"])
def test_a_default_that_does_not_exist_is_left_out(override: str, tmp_path: Path) -> None:
    compose_config("train", ["data=jsonl", "data.path=a.jsonl", override], run=tmp_path / "run")
