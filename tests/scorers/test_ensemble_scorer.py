"""Several scorers as one: standardised, combined as written, each member's own rewards kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmx.domain import Candidate, Message
from rmx.errors import ConfigError, DataError
from rmx.score_table import candidate_id
from rmx.scorers.base import Scored
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind

AROUND = Surroundings(None, "cpu", 8192, "packed", Path("unused"))
PROMPT = (Message("user", "Q"),)
TEXTS = [Candidate(candidate_id(PROMPT, c), PROMPT, c) for c in ("a", "b", "c", "d")]
A, B = np.array([1.0, 2.0, 4.0, 5.0]), np.array([30.0, 10.0, -10.0, 10.0])


def table(path: Path, rewards: Any) -> dict[str, Any]:
    rows = [{"candidate_id": t.candidate_id, "reward": float(r)} for t, r in zip(TEXTS, rewards, strict=False)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"kind": "table", "path": str(path)}


def ensemble(members: dict[str, Any], around: Surroundings = AROUND, **parameters: Any) -> Any:
    return build_kind({"kind": "ensemble", "members": members, **parameters}, where="scorer.ensemble").load(around)


@pytest.mark.parametrize("combine", ["mean", "min", "lower_bound"])
def test_members_are_standardised_and_combined(
    combine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = {"one": {**table(tmp_path / "a.jsonl", A), "mean": 3, "sd": 0.5}, "two": table(tmp_path / "b.jsonl", B)}
    scorer = ensemble(members, combine=combine, penalty=2.0)
    found: Scored = scorer.score_texts(TEXTS)
    # By hand: one is (r - 3) / .5; two has mean 10 and population sd sqrt(200).
    one, two = [-4, -2, 2, 4], [20 / 200**0.5, 0, -20 / 200**0.5, 0]
    for i, (x, y) in enumerate(zip(one, two, strict=True)):
        mean, sd = (x + y) / 2, abs(x - y) / 2**0.5
        expected = {"mean": mean, "min": min(x, y), "lower_bound": mean - 2 * sd}[combine]
        assert found.values[i] == pytest.approx(expected)
    assert found.parts["one"].tolist() == A.tolist()
    assert found.parts["two"].tolist() == B.tolist()
    told = capsys.readouterr().out
    assert "ensemble member two: its scale is not known and was estimated on the 4 texts scored first (mean 10" in told
    assert "member one" not in told
    # Later texts are on the scale of the first.
    assert scorer.score_texts(TEXTS[:1]).values[0] == found.values[0]


def test_a_text_without_a_member_has_none(tmp_path: Path) -> None:
    members = {"one": table(tmp_path / "a.jsonl", A), "two": table(tmp_path / "b.jsonl", B[:3])}
    found = ensemble(members).score_texts(TEXTS)
    assert list(found.reasons) == [3]
    assert found.reasons[3].startswith("missing: by two, no row of ")
    assert np.isnan(found.values[3])
    assert np.isfinite(found.values[:3]).all()


def test_a_member_that_tells_nothing_apart_has_no_scale(tmp_path: Path) -> None:
    members = {"one": table(tmp_path / "a.jsonl", A), "two": table(tmp_path / "b.jsonl", [1, 1, 1, 1])}
    with pytest.raises(DataError, match="ensemble member two gives all of 4 texts one reward"):
        ensemble(members).score_texts(TEXTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"two": None}, "scorer.ensemble: members: give at least 2"),
        ({"longer": {}}, "scorer.ensemble: members.longer: the name is taken"),
        ({"two": {"kind": "longer"}}, "scorer.ensemble.members.two.kind: longer is a baseline"),
        ({"two": {"kind": "hf"}}, "scorer.ensemble.members.two.reward: missing value"),
        ({"two": {"reward": "d"}}, "scorer.ensemble.members.two.reward: table does not read it"),
        ({"two": {"sd": 1}}, "scorer.ensemble.members.two: give mean and sd"),
        ({"two": {"mean": "x", "sd": 1}}, "scorer.ensemble.members.two.mean: expected a number, got 'x'"),
        ({"two": {"colum": "x"}}, "scorer.ensemble.members.two.colum: unknown key"),
    ],
)
def test_a_wrong_member_is_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    members: dict[str, Any] = {"one": table(tmp_path / "a.jsonl", A), "two": table(tmp_path / "b.jsonl", B)}
    ((name, keys),) = change.items()
    if keys is None:
        del members[name]
    elif "kind" in keys:
        members[name] = keys
    else:
        members[name] = {**members.get(name, members["one"]), **keys}
    with pytest.raises(ConfigError) as error:
        ensemble(members)
    assert str(error.value).startswith(message)


def test_a_stream_needs_known_scales(tmp_path: Path) -> None:
    members = {name: table(tmp_path / f"{name}.jsonl", r) for name, r in (("one", A), ("two", B))}
    streaming = Surroundings(None, "cpu", 8192, "packed", tmp_path, streaming=True)
    with pytest.raises(ConfigError, match=r"members\.one: texts come in pieces here"):
        ensemble(members, streaming)
    known = {name: {**node, "mean": 0, "sd": 2} for name, node in members.items()}
    assert ensemble(known, streaming).score_texts(TEXTS[:1]).values.tolist() == [(0.5 + 15) / 2]
