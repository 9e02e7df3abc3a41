"""What is written down of a configuration."""

from __future__ import annotations

import json

import pytest

from rmx.config.load import compose_config
from rmx.config.redact import redact_text, redacted


def composed(tmp_path, *overrides):
    return compose_config("train", ["data=jsonl", "data.path=x.jsonl", *overrides], run=tmp_path)


def test_values_of_the_environment_are_not_written_down(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_PLACE", "confidential")
    config = composed(
        tmp_path,
        "logger.entity=${oc.env:MY_PLACE}",
        "logger.project=team/${logger.entity}",
        "logger.tags=[a,'${oc.env:MY_PLACE}']",
        "data.columns.id=${oc.env:MY_PLACE}",
    )
    assert config.logger.project == "team/confidential"
    written = redacted(config)
    assert "confidential" not in json.dumps(written)
    assert written["logger"]["entity"] == "${oc.env:MY_PLACE}"
    assert written["logger"]["project"] == "team/${oc.env:MY_PLACE}"
    assert written["logger"]["tags"] == ["a", "${oc.env:MY_PLACE}"]
    assert config.logger.tags == ["a", "confidential"]


def test_our_own_variables_and_absent_ones_are(tmp_path, monkeypatch):
    monkeypatch.setenv("RMX_CACHE", "/somewhere")
    monkeypatch.delenv("MY_PLACE", raising=False)
    written = redacted(composed(tmp_path, "logger.entity=${oc.env:MY_PLACE,nobody}"))
    assert written["paths"]["cache"] == "/somewhere"
    assert written["logger"]["entity"] == "nobody"


def test_typed_keys_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_STEPS", "7")
    config = composed(tmp_path, "trainer.max_steps=${oc.env:MY_STEPS}")
    assert config.trainer.max_steps == 7
    assert redacted(config)["trainer"]["max_steps"] == "${oc.env:MY_STEPS}"


def test_the_rest_is_written_as_it_is(tmp_path):
    config = composed(tmp_path, "model.revision=0123456789abcdef0123456789abcdef01234567")
    written = redacted(config)
    assert "environment" not in written
    assert written["model"]["revision"] == "0123456789abcdef0123456789abcdef01234567"
    assert written["optim"]["lr"] == config.optim.lr
    assert json.loads(json.dumps(written)) == written


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("data.path", "hf_abcdefghijklmnop", "[redacted]"),
        ("data.path", "https://me:pass@host/x.jsonl", "https://me:[redacted]@host/x.jsonl"),
        ("logger.api_key", "anything", "[redacted]"),
        ("model.token", "anything", "[redacted]"),
        ("batch.max_tokens", "8192", "8192"),
        ("data.path", "hf_short", "hf_short"),
    ],
)
def test_what_looks_like_a_secret_is_masked(key, value, shown):
    assert redact_text(key, value) == shown
