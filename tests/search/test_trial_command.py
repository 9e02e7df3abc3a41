"""A trial's command line against the one that W&B's own agent makes."""

from __future__ import annotations

import sys

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from rmx.errors import ConfigError
from rmx.search.trial_command import trial_command

VALUES = {"optim.lr": 1e-05, "adapter.r": 8, "batch.group": False, "loss.margin": "null", "x": [1, 2], "y": None}
BASE = ["${interpreter}", "-m", "rmx.train", "logger=wandb", "adapter=lora", "${args_no_hyphens}"]


def made(command, extra=(), varied=tuple(VALUES), program="train.py"):
    return trial_command(command, program, extra, varied, "s.yaml")


def agents(command):
    """Return the command line as `wandb_agent.Agent._command_run` makes it, with this interpreter."""
    macros = create_sweep_command_args({"args": {key: {"value": value} for key, value in VALUES.items()}})
    macros |= {"env": ["/usr/bin/env"], "interpreter": [sys.executable], "program": ["train.py"]}
    words = create_sweep_command(list(command))
    return [out for word in words for out in (macros[word[2:-1]] if word.startswith("${") else [word])]


@pytest.mark.parametrize("macro", ["args_no_hyphens", "args_append_hydra", "args_override_hydra"])
def test_macros_are_replaced_as_the_agent_does(macro, monkeypatch):
    monkeypatch.setenv("WHERE", "here")
    command = ["${env}", "${interpreter}", "${program}", "a=${envvar:WHERE}", "b=${envvar:NOT_SET}", f"${{{macro}}}"]
    assert made(command).line(VALUES) == agents(command)


def test_wandb_gives_way_to_csv_unless_it_is_asked_for():
    local = made(BASE)
    assert local.without_wandb
    assert "logger=csv" in local.line({})
    assert "logger=wandb" not in local.line({})
    for asked in ("logger=wandb", "logger.mode=offline"):
        kept = made(BASE, [asked])
        assert not kept.without_wandb
        assert asked in kept.line({})
    assert not made(["${interpreter}", "${args_no_hyphens}"]).without_wandb


def test_what_is_given_here_replaces_what_the_file_says():
    line = made(BASE, ["adapter=none", "trainer.max_steps=2"]).line({"optim.lr": 0.1})
    assert line == [
        sys.executable, "-m", "rmx.train", "logger=csv", "optim.lr=0.1", "adapter=none", "trainer.max_steps=2"
    ]  # fmt: skip


def test_a_word_of_the_file_can_be_taken_out():
    assert made(BASE, ["~adapter"]).line({}) == [sys.executable, "-m", "rmx.train", "logger=csv"]
    assert made(BASE, ["~slice"]).line({})[-1] == "~slice"  # the file says nothing of it: the trial's own matter


@pytest.mark.parametrize(
    ("command", "extra", "complaint"),
    [
        (BASE, ["optim.lr=1"], r"optim\.lr=1: the sweep varies optim\.lr"),
        (BASE, ["++optim.lr=1"], r"the sweep varies optim\.lr"),
        (["python", "${args}"], [], "passes what rmx does not read; write \\${args_no_hyphens}"),
        (["python", "train.py"], [], "passes no values"),
        (["python", "${arg_no_hyphens}"], [], "did you mean `args_no_hyphens`"),
    ],
)
def test_what_could_not_run_is_refused(command, extra, complaint):
    with pytest.raises(ConfigError, match=complaint):
        made(command, extra)


def test_a_program_is_needed_where_the_command_names_it():
    with pytest.raises(ConfigError, match="program: missing"):
        made(["${program}", "${args_no_hyphens}"], program=None)


@pytest.mark.parametrize("start", [["-m", "rmx.train"], ["src/rmx/train.py"]])
def test_a_command_of_rmx_is_known(start, repository, monkeypatch):
    monkeypatch.chdir(repository)
    command = made(["${interpreter}", *start, "adapter=lora", "--config-dir", "mine", "${args_no_hyphens}"])
    assert command.rmx_command({"seed": 1}) == ("train", ["adapter=lora", "seed=1"])
    assert made(["python", "train.py", "${args_no_hyphens}"]).rmx_command({"seed": 1}) is None
