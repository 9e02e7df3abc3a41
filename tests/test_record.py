from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from rmx.errors import RunError
from rmx.record import GitState, RunRecord, git_state, package_versions, redact_argument


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q")
    (project / ".gitignore").write_text("outputs/\n")
    (project / "code.py").write_text("x = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    return project


def test_git_state_of_a_checkout_and_of_its_folders(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_state(checkout) == GitState(commit, dirty=False)
    (checkout / "outputs").mkdir()
    (checkout / "outputs" / "run.txt").write_text("ignored files do not make a project dirty")
    assert git_state(checkout / "outputs") == GitState(commit, dirty=False)
    (checkout / "code.py").write_text("x = 2\n")
    assert git_state(checkout) == GitState(commit, dirty=True)


def test_a_new_file_makes_the_checkout_dirty(checkout: Path) -> None:
    (checkout / "new.py").write_text("")
    state = git_state(checkout)
    assert state is not None
    assert state.dirty


def test_no_git_state_outside_a_checkout_or_before_the_first_commit(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None


def test_no_git_state_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(checkout) is None


def test_versions_are_those_installed() -> None:
    versions = package_versions()
    assert versions["numpy"] == metadata.version("numpy")
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(versions) >= {"rmx", "torch", "transformers", "peft", "pytorch-lightning", "hydra-core"}


def test_phases_are_timed_and_failures_named(tmp_path: Path) -> None:
    record = RunRecord.begin("train", seeds={"run": 7}, argv=["python", "-m", "rmx.train"], directory=tmp_path)
    with record.phase("prepare"):
        time.sleep(0.02)
    with pytest.raises(ValueError, match="boom"), record.phase("train"):
        raise ValueError("boom")
    assert [(p.name, p.failed) for p in record.phases] == [("prepare", False), ("train", True)]
    assert 0.02 <= record.phases[0].seconds < 5


def test_written_record_holds_every_fact(checkout: Path, tmp_path: Path) -> None:
    record = RunRecord.begin("train", seeds={"run": 7}, argv=["rmx", "train"], directory=checkout)
    record.fingerprints.update(data="d1", split="s1", template="t1", weights="w1")
    with record.phase("train"):
        pass
    record.finish()
    path = tmp_path / "run" / "record.json"
    record.write(path)
    saved = json.loads(path.read_text())
    assert saved["git"] == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}
    assert saved["seeds"] == {"run": 7}
    assert saved["fingerprints"] == {"data": "d1", "split": "s1", "template": "t1", "weights": "w1"}
    assert saved["devices"] == ["cpu"] or saved["devices"][0].startswith("cuda:0")
    assert saved["host"]["cores"] >= 1
    assert saved["started"] <= saved["finished"]
    assert [phase["name"] for phase in saved["phases"]] == ["train"]
    assert [file.name for file in path.parent.iterdir()] == ["record.json"], "no temporary file stays behind"


def test_a_failed_write_keeps_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    record = RunRecord.begin("train", seeds={}, directory=tmp_path)
    record.write(path)
    before = path.read_text()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    record.finish()
    with pytest.raises(RunError, match=r"record\.json: .*No space left on device"):
        record.write(path)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_a_path_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        RunRecord.begin("train", seeds={}, directory=tmp_path).write(tmp_path / "file" / "record.json")
    assert "\n" not in str(caught.value)


def test_a_resumed_run_keeps_the_times_of_its_earlier_attempts(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    for attempt in range(3):
        record = RunRecord.begin("train", seeds={}, argv=[f"attempt-{attempt}"], directory=tmp_path, resumes=path)
        with record.phase("train"):
            pass
        record.write(path)
    saved = json.loads(path.read_text())
    assert saved["command"] == ["attempt-2"]
    assert [earlier["command"] for earlier in saved["earlier"]] == [["attempt-0"], ["attempt-1"]]
    assert saved["earlier"][0]["phases"][0]["name"] == "train"


def test_an_unreadable_earlier_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{cut")
    with pytest.raises(RunError, match="not a run record"):
        RunRecord.begin("train", seeds={}, directory=tmp_path, resumes=tmp_path / "record.json")


@pytest.mark.parametrize(
    ("argument", "secret"),
    [
        ("+hub.token=abc123", "abc123"),
        ("logger.api_key=0123456789abcdef", "0123456789abcdef"),
        ("db.password=hunter2", "hunter2"),
        ("data.path=https://me:hunter2@host/file.jsonl", "hunter2"),
        ("note=hf_AbCdEfGhIjKlMnOpQrStUv", "hf_AbCdEfGhIjKlMnOpQrStUv"),
    ],
)
def test_secrets_never_reach_the_record(argument: str, secret: str, tmp_path: Path) -> None:
    record = RunRecord.begin("train", seeds={}, argv=["rmx", argument], directory=tmp_path)
    record.write(tmp_path / "record.json")
    text = (tmp_path / "record.json").read_text()
    assert secret not in text
    assert "[redacted]" in text


@pytest.mark.parametrize("argument", ["batch.max_tokens=8192", "optim.lr=1e-4", "model.terminal=</s>", "data.path=a=b"])
def test_ordinary_arguments_stay_as_given(argument: str) -> None:
    assert redact_argument(argument) == argument
