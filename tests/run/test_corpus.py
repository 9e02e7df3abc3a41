"""Edits that cannot be scored leave, are counted, and take nothing else with them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from rmx.audits.perturbation import Perturbation
from rmx.audits.prompt_dependence import PromptDependence
from rmx.data.render import Renderer
from rmx.data.slices import Slice
from rmx.domain import Message, Origin, PreferencePair
from rmx.errors import DataError
from rmx.run.corpus import SliceData, build_slice_data

TEMPLATE = (
    "{% for m in messages %}{{ m.role + ' ' + m.content + ' <|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    core = Tokenizer(models.WordLevel({"<unk>": 0, "<|end|>": 1}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens([AddedToken("<|end|>", special=True, normalized=False)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|end|>", unk_token="<unk>", chat_template=TEMPLATE
    )
    return Renderer(tokenizer)


def pair(number: int, chosen: str, rejected: str, prompt: str = "What now?") -> PreferencePair:
    group = f"g{number}"
    return PreferencePair(
        f"p{number}", (Message("user", f"{prompt} {number}"),), chosen, rejected, Origin("m", number), group
    )


def built(renderer: Renderer, pairs: list[PreferencePair], tmp_path: Path, **kwargs) -> SliceData:
    audits = [Perturbation(items=9), PromptDependence(items=9)]
    return build_slice_data(
        Slice("heldout", tuple(pairs), "heldout", None, len(pairs)), renderer, audits, 512, cache=tmp_path, **kwargs
    )


def variants(data: SliceData, pair: PreferencePair, side: str) -> set[str]:
    number = [p.pair_id for p in data.slice.pairs].index(pair.pair_id)
    source = data.texts.candidates[getattr(data.texts, side)[number]].candidate_id
    return {use.variant for use in data.texts.uses if use.source_id == source}


def test_an_edit_that_spells_a_control_token_is_left_out_and_counted(
    renderer: Renderer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # In lower case this answer would close the turn.
    pairs = [pair(1, "Say <|END|> loudly.", "No."), pair(2, "Yes.", "Never.")]
    with caplog.at_level(logging.WARNING):
        data = built(renderer, pairs, tmp_path)
    assert "slice heldout: 1 edited texts are left out" in caplog.text
    assert "control token <|end|>" in caplog.text
    whole = variants(data, pairs[1], "chosen")
    assert whole == {*("typos", "lower_case", "spacing", "unicode", "appended", "answer_format", "context")} | {
        *("swapped", "removed")
    }
    assert variants(data, pairs[0], "chosen") == whole - {"lower_case"}
    assert variants(data, pairs[0], "rejected") == whole
    # What is left is numbered anew, everywhere alike.
    assert len(data.store) == len(data.texts.candidates)
    assert [data.texts.candidates[i].completion for i in data.texts.chosen] == ["Say <|END|> loudly.", "Yes."]
    assert data.store.completion_lengths.tolist() == [c.tokens for c in data.texts.candidates]
    assert max(use.text for use in data.texts.uses) == len(data.texts.candidates) - 1


def test_an_edit_longer_than_the_model_reads_is_left_out(
    renderer: Renderer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [pair(1, "one two three", "no", "word " * 3), pair(2, "yes", "no", "word " * 9)]
    everything = built(renderer, pairs, tmp_path)
    longest = int(everything.store.lengths[everything.texts.chosen].max())
    assert not caplog.text
    data = built(renderer, pairs, tmp_path, readable=longest)
    assert data.store.lengths.max() == longest
    assert "longer than" in caplog.text
    # The long prompt with the long answer is too long; with its own prompt the answer stays.
    assert "swapped" not in variants(data, pairs[0], "chosen")
    assert "swapped" in variants(data, pairs[1], "chosen")


def test_an_original_that_cannot_be_rendered_is_still_an_error(renderer: Renderer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="control token"):
        built(renderer, [pair(1, "Say <|end|>.", "No.")], tmp_path)


def test_a_slices_own_length_counts_but_never_beyond_what_the_model_reads(renderer: Renderer, tmp_path: Path) -> None:
    pairs = (pair(1, "yes", "no"), pair(2, "yes", "no", "word " * 600), pair(3, "yes", "no", "word " * 900))

    def kept(own: int | None, readable: int | None) -> list[str]:
        slice = Slice("bench", pairs, "data", None, 3, max_length=own)
        return [
            p.pair_id for p in build_slice_data(slice, renderer, [], 512, cache=tmp_path, readable=readable).slice.pairs
        ]

    assert kept(None, 4096) == ["p1"]
    assert kept(4096, None) == kept(4096, 4096) == ["p1", "p2", "p3"]
    assert kept(4096, 800) == ["p1", "p2"]
