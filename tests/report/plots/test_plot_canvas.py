from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import matplotlib as mpl

from rmx.report.plots.canvas import BAND, CONTRAST, GRID, INK, MAIN, MUTED, SURFACE, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (INK, MUTED, GRID, MAIN, CONTRAST, BAND, SURFACE)


def paint(figure: Figure) -> None:
    axes = figure.subplots()
    for i, colour in enumerate(COLOURS):
        axes.plot([0, 1], [i, i + 1], color=colour, marker="o", label=f"{i} 漢字 $x$")
        axes.fill_between([0, 1], [i, i], [i + 1, i + 1], color=colour, alpha=0.2)
    axes.legend()


def test_colours_are_the_pages_variables_only() -> None:
    svg = draw("a", 200, "what it shows", paint)
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#ffffff", "#000000"}
    for name in ("ink", "muted", "rule", "main", "contrast", "band", "surface"):
        assert f"var(--{name})" in svg


def test_ids_carry_the_drawings_name_and_references_resolve() -> None:
    first, second = draw("a", 200, "x", paint), draw("b", 200, "x", paint)
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    referred = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', first)
    assert {a or b for a, b in referred} <= ids[0]


def test_equal_drawings_are_equal_bytes_and_leave_no_trace() -> None:
    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw("a", 200, "x", paint) == draw("a", 200, "x", paint)
    assert dict(mpl.rcParams) == before


def test_the_description_is_escaped() -> None:
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in draw("a", 200, 'a "b" <c>', paint)
