"""The public knobs: frozen in a golden file, so that renaming or adding one is a decision."""

from __future__ import annotations

from pathlib import Path

import yaml
from omegaconf import OmegaConf

from rmx.config.keys import PATH_KEYS, is_path_key, leaves, open_keys, schema_keys
from rmx.config.ranges import CHOICES, RANGES
from rmx.config.schema import Config

# Keys that the issue and the documentation promise; the schema may have more, never fewer.
PROMISED = (
    "method.kind",
    "model.source",
    "model.layers",
    "data.path",
    "data.max_length",
    "data.limit",
    "data.split.validation",
    "data.split.heldout",
    "data.split.mode",
    "adapter.r",
    "loss.center",
    "loss.margin",
    "loss.label_smoothing",
    "optim.lr",
    "batch.pairs",
    "batch.max_tokens",
    "batch.layout",
    "batch.group",
    "trainer.devices",
    "trainer.max_steps",
    "trainer.max_epochs",
    "trainer.precision",
    "trainer.val_every",
    "trainer.log_every",
    "trainer.resume",
    "slice",
    "gate.enforce",
    "seed",
    "scorer",
    "reward",
    "scores",
    "input",
    "output",
)


def test_the_knobs_are_those_of_the_golden_file():
    golden = Path(__file__).parents[1] / "golden" / "config_keys.txt"
    assert sorted(schema_keys()) == golden.read_text().split()


def test_promised_knobs_exist():
    assert set(PROMISED) <= set(schema_keys())


def test_keys_are_what_omegaconf_sees_in_the_schema():
    container = OmegaConf.to_container(OmegaConf.structured(Config), resolve=False)
    empty = {key for key in open_keys() if OmegaConf.select(OmegaConf.create(container), key) == {}}
    assert set(schema_keys()) == {key for key, _ in leaves(container)} | empty


def test_rules_speak_of_existing_keys():
    assert set(CHOICES) | set(RANGES) <= set(schema_keys())
    assert {key for key in PATH_KEYS if not key.startswith("hydra.")} <= set(schema_keys())


def test_paths_inside_open_nodes_are_path_keys():
    assert is_path_key("slice.mine.path")
    assert is_path_key("slice.mine.data.path")
    assert not is_path_key("data.name")
    assert not is_path_key("trainer.path")


def documented() -> dict[str, list[str]]:
    """Rows of the table of docs/configuration.md by key: default, range, meaning."""
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text().rpartition("## Every key")[2]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]
    return {row[0].strip("` "): row[1:] for row in rows}


def test_every_knob_is_documented():
    assert list(documented()) == list(schema_keys())


def test_documented_defaults_and_ranges_are_those_of_the_code():
    defaults = dict(leaves(OmegaConf.to_container(OmegaConf.structured(Config), resolve=False)))
    for key, (default, bounds, meaning) in documented().items():
        expected = yaml.safe_load(default.strip("`"))
        assert defaults.get(key, {}) == (float(expected) if isinstance(defaults.get(key), float) else expected), key
        words = ", ".join(str(word or "null") for word in CHOICES.get(key, ()))
        assert bounds == (words or str(RANGES.get(key, ""))), key
        assert meaning.endswith("."), key
