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
from synthetic_run import Run, result, table

from rmx.report.html import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine"),
]

WIDTHS = (320, 400, 760, 1280)
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


@pytest.mark.parametrize("case", ["run", "crowded"])
def test_nothing_is_wider_than_the_window(case: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, **request.getfixturevalue(case).arguments())
    source = escape(page.read_text().replace("<details>", "<details open>"))
    frames = "".join(f'<iframe width="{w}" height="900" style="border:0" srcdoc="{source}"></iframe>' for w in WIDTHS)
    outer = tmp_path / "frames.html"
    outer.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{frames}{MEASURE}')
    dom = browse(outer, tmp_path, "--dump-dom")
    measured = re.search(r'<html data-found="([^"]*)"', dom)
    assert measured is not None
    found = json.loads(unescape(measured[1]))
    assert found == {str(width): {"page": width, "wide": []} for width in WIDTHS}


def test_light_and_dark_have_their_colours(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, **run.arguments())
    corners = {}
    for scheme, flags in (("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))):
        shot = tmp_path / f"{scheme}.png"
        browse(page, tmp_path, "--window-size=1280,3000", f"--screenshot={shot}", *flags)
        pixels = np.asarray(Image.open(shot).convert("RGB"))
        assert pixels.shape == (3000, 1280, 3)
        corners[scheme] = tuple(int(c) for c in pixels[2, 2])
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, "a drawn page, not an empty one"
    assert corners == {"light": (0xF5, 0xF6, 0xF8), "dark": (0x11, 0x15, 0x1B)}
