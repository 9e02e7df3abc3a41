"""The page in a real browser: nothing wider than the window, and both colour schemes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_comparison import comparison_of
from synthetic_run import Run, edit, named_table, result, table, text

from rmx.report.html import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine"),
]

WIDTHS = (320, 360, 760, 1280)
DARK = "--blink-settings=preferredColorScheme=0"
# Frames have exactly the width they are given; a headless window has a least one. Drawings clip what leaves them, and
# what is shown to screen readers only is one pixel wide.
MEASURE = """
<script>
addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const root = frame.contentDocument.documentElement;
    const wide = [...frame.contentDocument.querySelectorAll('body *')]
      .filter(e => !e.closest('svg, .unseen, .stack thead'))
      .filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5);
    found[root.clientWidth] = {page: root.scrollWidth, wide: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 99))};
  }
  document.documentElement.dataset.found = JSON.stringify(found);
});
</script>
"""


def browse(page: Path, tmp_path: Path, *flags: str) -> str:
    assert BROWSER is not None
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
        f"--user-data-dir={tmp_path / 'profile'}",
        *flags,
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture
def crowded(run: Run) -> Run:
    """A run whose names are long and cannot be broken at spaces."""
    long = "x" * 240
    return run.but(
        results=(*run.results, result("accuracy", long, long, 0.6), result(long, long, "model", 0.2, reason=long)),
        scores={"heldout": table("heldout", pair_id=[f"{long}{i}" for i in range(400)]), long: table("odd")},
        ledger={**(run.ledger or {}), "rejected": {long: 32}, "splits": {long: 10**9}, long: long, "warnings": [long]},
        record={**run.record, "command": ["python", f"data.path=/{long}"], "devices": [long]},
        config={long: long},
        model_facts={"name": long},
    )


@pytest.fixture
def exemplary(run: Run) -> Run:
    """A run with texts: short and long ones, code, one unbroken word, another script, and a dialogue."""
    code = text(
        "def f(x):\n"
        + "    return [value for value in x if value is not None and value != 'a long line of code']\n" * 20
    )
    word, right_to_left = text("x" * 3000), text("مرحبا بكم في المختبر. " * 60)
    turns = [("user" if i % 2 == 0 else "assistant", f"Turn {i}. " * (3 + 60 * (i == 2))) for i in range(5)]
    dialogue, padded = text("No.", *turns), text("No. I hope this helps.", *turns)
    texts = [code, word, right_to_left, dialogue, padded]
    return run.but(
        scores={"heldout": named_table([(code, word), (right_to_left, dialogue)])},
        edits=(edit(dialogue, padded), edit(code, word), edit(dialogue, text("of no run"), name="x" * 240)),
        texts={t.candidate_id: t for t in texts},
    )


@pytest.fixture
def compared(run: Run) -> Run:
    """A run beside three others, one of an unbreakable name."""
    return run.but(comparison=comparison_of(run, "release-1.4", "x" * 240, "/".join(["outputs"] * 30)))


@pytest.mark.parametrize("case", ["run", "crowded", "exemplary", "compared"])
def test_nothing_is_wider_than_the_window(case: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, **request.getfixturevalue(case).arguments())
    source = escape(re.sub(r"<details(?=[ >])(?! open)", "<details open", page.read_text()))
    frames = "".join(f'<iframe width="{w}" height="900" style="border:0" srcdoc="{source}"></iframe>' for w in WIDTHS)
    outer = tmp_path / "frames.html"
    outer.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{frames}{MEASURE}')
    dom = browse(outer, tmp_path, "--dump-dom")
    measured = re.search(r'<html data-found="([^"]*)"', dom)
    assert measured is not None
    found = json.loads(unescape(measured[1]))
    assert found == {str(width): {"page": width, "wide": []} for width in WIDTHS}


@pytest.mark.parametrize("case", ["run", "exemplary", "compared"])
def test_light_and_dark_have_their_colours(case: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, **request.getfixturevalue(case).arguments())
    corners = {}
    for scheme, flags in (("light", ()), ("dark", (DARK,))):
        shot = tmp_path / f"{scheme}.png"
        browse(page, tmp_path, "--window-size=1280,3000", f"--screenshot={shot}", *flags)
        pixels = np.asarray(Image.open(shot).convert("RGB"))
        assert pixels.shape == (3000, 1280, 3)
        corners[scheme] = tuple(int(c) for c in pixels[2, 2])
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, "a drawn page, not an empty one"
    assert corners == {"light": (0xF5, 0xF6, 0xF8), "dark": (0x11, 0x15, 0x1B)}


# Where each thing lies, its colours, and what a folded text shows before and after it is opened.
LOOK = """
<script>
addEventListener('load', () => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const page = frame.contentDocument, view = frame.contentWindow;
    const [left, right] = [...page.querySelector('.sides').children].map(e => e.getBoundingClientRect());
    const fold = page.querySelector('details.fold'), begin = fold.querySelector('.begin');
    const seen = e => e.checkVisibility();
    const whole = fold.querySelector('div.text');
    const states = [[seen(begin), seen(whole)]];
    fold.open = true;
    states.push([seen(begin), seen(whole)]);
    const mark = view.getComputedStyle(page.querySelector('mark'));
    found[page.documentElement.clientWidth] = {
      beside: left.right <= right.left,
      below: left.bottom <= right.top,
      states,
      mark: [mark.color, mark.backgroundColor],
    };
  }
  document.documentElement.dataset.found = JSON.stringify(found);
});
</script>
"""


def luminance(colour: str) -> float:
    """Relative luminance of an `rgb(r, g, b)` as WCAG 2 defines it."""
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("flags", [(), (DARK,)])
def test_texts_stand_side_by_side_stacked_where_narrow_folded_and_legible(
    exemplary: Run, flags: tuple[str, ...], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    write_report(page, **exemplary.arguments())
    source = escape(page.read_text())
    frames = "".join(f'<iframe width="{w}" height="900" style="border:0" srcdoc="{source}"></iframe>' for w in WIDTHS)
    outer = tmp_path / "frames.html"
    outer.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{frames}{LOOK}')
    measured = re.search(r'<html data-found="([^"]*)"', browse(outer, tmp_path, "--dump-dom", *flags))
    assert measured is not None
    found = json.loads(unescape(measured[1]))
    for width, seen in found.items():
        assert (seen["beside"], seen["below"]) == (int(width) > 700, int(width) < 700), width
        assert seen["states"] == [[True, False], [False, True]], "the beginning, or all of it"
        light, dark = sorted(map(luminance, seen["mark"]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, "WCAG 2 AA"
    assert len(found) == len(WIDTHS)
