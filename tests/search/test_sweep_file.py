"""Sweep files: what is understood, and what is refused in one line."""

from __future__ import annotations

import pytest
import yaml

from rmx.errors import ConfigError
from rmx.search.sweep_file import Metric, read_sweep_file

GOOD = {
    "method": "random",
    "metric": {"name": "val/validation/accuracy", "goal": "maximize"},
    "parameters": {"optim.lr": {"min": 0.0, "max": 1.0}},
    "command": ["${interpreter}", "-m", "rmx.train", "${args_no_hyphens}"],
}


def read(tmp_path, **changes):
    file = tmp_path / "s.yaml"
    content = {key: value for key, value in {**GOOD, **changes}.items() if value != "absent"}
    file.write_text(yaml.safe_dump(content))
    return read_sweep_file(file)


def test_what_a_local_run_needs(tmp_path):
    sweep = read(tmp_path, run_cap=7, name="mine", project="rmx", description="why", program="train.py")
    assert (sweep.method, sweep.run_cap, sweep.program) == ("random", 7, "train.py")
    assert sweep.metric == Metric("val/validation/accuracy", "maximize")
    assert list(sweep.space) == ["optim.lr"]
    assert sweep.command == tuple(GOOD["command"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"method": "randon"}, "method: unknown value .* did you mean `random`"),
        ({"method": "absent"}, "method: missing value"),
        ({"paramters": {}}, "did you mean `parameters`"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3}}, "early_terminate is not done locally"),
        ({"run_cap": 0}, "run_cap 0 is not at least 1"),
        ({"metric": "absent", "method": "bayes"}, "bayes needs `metric`"),
        ({"metric": {"name": "val/validation/accuracy"}}, "metric.goal: missing, and W&B would minimize"),
        ({"metric": {"name": "val/heldout/accuracy", "goal": "maximize"}}, "is of heldout, which judges"),
        ({"metric": {"name": "audit/margin/fresh_policy", "goal": "maximize"}}, "is of fresh_policy, which judges"),
        ({"metric": {"name": "x", "goal": "maximise"}}, "did you mean `maximize`"),
        ({"command": "absent"}, r"write command: .*args_no_hyphens"),
        ({"command": "python train.py"}, "command: expected a list"),
        ({"metrics": [GOOD["metric"]]}, "metrics: unknown key; did you mean `metric`"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, changes, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        read(tmp_path, **changes)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "s.yaml"))


@pytest.mark.parametrize("name", ["val/validation/accuracy", "audit/margin/validation", "train/loss", "loss"])
def test_what_chooses_may_be_optimised(name):
    assert Metric(name, "minimize").mode == "min"


@pytest.mark.parametrize(("goal", "reached"), [("maximize", [False, True, True]), ("minimize", [True, True, False])])
def test_a_target_is_reached_from_the_side_of_the_goal(goal, reached):
    metric = Metric("x", goal, 0.5)
    assert [metric.reached(value) for value in (0.4, 0.5, 0.6)] == reached
    assert not metric.reached(None)
    assert not Metric("x", goal).reached(0.5)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "just text"])
def test_what_is_no_sweep_file_is_refused(tmp_path, text):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"s\.yaml"):
        read_sweep_file(tmp_path / "s.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_sweep_file(tmp_path / "none.yaml")
