"""The main job refuses at once what it would only use at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmx.config.load import compose_config
from rmx.errors import ConfigError
from rmx.run import main_job


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("gate.requirements.length_efect.within=5", "gate.requirements.length_efect.kind: missing value"),
        ("scorer.longer.kidn=longer", "scorer.longer.kidn: unknown key; did you mean `kind`?"),
        ("scorer.longer.kind=longr", "scorer.longer.kind: 'longr' is not known; did you mean `longer`?"),
        ("scorer.mine.kind=longer", "scorer.mine.kind: scorer.longer is longer already; leave one of them out"),
        ("audit.accuracy.levle=1", "audit.accuracy.levle: unknown key"),
    ],
)
def test_wrong_judges_are_refused_before_the_model_is_loaded(
    override: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(main_job, "build_reward_model", unwanted)
    run = tmp_path / "run"
    config = compose_config("train", ["model=tiny-random", override], run=run)
    with pytest.raises(ConfigError) as caught:
        main_job.train(config)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not run.exists()
