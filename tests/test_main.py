"""`rmx NAME …`."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rmx.__main__ import commands


def rmx(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rmx", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120
    )


def test_every_root_has_its_command_and_says_what_it_does(repository):
    roots = {path.stem for path in (repository / "conf").glob("*.yaml")}
    assert set(commands()) == roots | {"sweep"}  # which reads a sweep file, and whose trials compose
    assert all(commands().values())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_alone_it_lists_the_commands(arguments, tmp_path):
    done = rmx(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in commands())


def test_a_command_that_does_not_exist_is_a_bad_configuration(tmp_path):
    done = rmx("trian", "model=x", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: trian: no such command; did you mean `train`?\n")


def test_it_hands_over_to_the_command(tmp_path):
    done = rmx("train", "loss.centre=0.1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: loss.centre: unknown key; did you mean `loss.center`?\n")


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_needs_nothing_heavy(name, tmp_path):
    heavy = ["torch", "pytorch_lightning", "transformers", "datasets", "wandb", "peft", "matplotlib", "scipy", "pandas"]
    code = (
        f"import sys, atexit; atexit.register(lambda: print('heavy:', {{*{heavy}}} & {{*sys.modules}}))\n"
        f"import rmx.{name} as c; sys.argv = ['{name}', '--help']; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "heavy: set()" in done.stdout
    assert f"python -m rmx.{name} " in done.stdout


def test_help_is_instant(tmp_path):
    # Processor time, not wall time: other work on the machine does not count. 0.35 s when this was written.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert rmx("train", "--help", cwd=tmp_path).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5
