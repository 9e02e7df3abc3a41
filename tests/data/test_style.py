"""Markdown elements counted by hand."""

from __future__ import annotations

import pytest

from rmx.data.style import style_counts, with_style
from rmx.domain import Message, Origin, PreferencePair
from rmx.score_table import Comparisons

DRESSED = """# Plan

Some **bold words** and **more**, a*b*c, 2 ** 3 ** 4.

## Steps
1. first
2) second
  - inner
* last
#no header, -no item

```python
# a comment, no header
- no item **nor bold**
```
"""


def test_elements_outside_of_code() -> None:
    assert style_counts(DRESSED) == {"headers": 2, "bold": 2, "lists": 4}


@pytest.mark.parametrize("text", ["", "plain words - and a dash, 3.5 metres", "snake_case __", "*one star*", "-", "1."])
def test_plain_text_has_none(text: str) -> None:
    assert style_counts(text) == {"headers": 0, "bold": 0, "lists": 0}


def test_an_unfinished_code_block_is_code_to_the_end() -> None:
    assert style_counts("- a\n```\n- b\n# c") == {"headers": 0, "bold": 0, "lists": 1}


def test_counts_and_votes_reach_the_comparisons_as_tags() -> None:
    prompt = (Message("user", "?"),)
    pair = PreferencePair("p", prompt, "**a**", "- b\n- c", Origin("m", 1), votes=(2, 1, 0), tags={"chosen_bold": "7"})
    table = Comparisons.from_pairs([with_style(pair)], slice="heldout").table
    assert table["tags"].to_pylist() == [
        '{"chosen_bold": "7", "chosen_headers": "0", "chosen_lists": "0", "rejected_bold": "0", '
        '"rejected_headers": "0", "rejected_lists": "2", "votes": "[2, 1, 0]"}'
    ]
