"""What all plots share: a figure of fixed size, theme colours, and its SVG as inline markup, equal bytes each time."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAND",
    "CONTRAST",
    "GRID",
    "INK",
    "MAIN",
    "MUTED",
    "SURFACE",
    "WIDTH",
    "Panel",
    "absent",
    "draw",
    "rule_off",
]

WIDTH = 380
"""Width of every plot in page pixels: on a narrow screen it shrinks by a tenth and its text stays legible."""

# Colours that occur nowhere else: the finished SVG has them replaced by the page's theme variables, so that one drawing
# serves light and dark.
INK, MUTED, GRID, MAIN, CONTRAST, BAND, SURFACE = (f"#0001{i:02x}" for i in range(1, 8))
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--rule)",
    MAIN: "var(--main)",
    CONTRAST: "var(--contrast)",
    BAND: "var(--band)",
    SURFACE: "var(--surface)",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of the report, or, where `svg` is empty, the sentence that says why there is none."""

    title: str
    caption: str
    svg: str = ""


def absent(title: str, sentence: str) -> Panel:
    """Return a panel without a plot: `sentence` says what is missing and why."""
    return Panel(title, sentence)


def draw(name: str, height: int, alt: str, paint: Callable[[Figure], None]) -> str:
    """Return the SVG of a figure `WIDTH` x `height` page pixels.

    Args:
        name: Prefix of every id inside the drawing; unique on the page.
        height: Height in page pixels.
        alt: What the plot shows, in words and numbers.
        paint: Draws onto the figure.
    """
    from matplotlib.figure import Figure

    with _drawing_rules():
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained", facecolor="none")
        paint(figure)
        for axes in figure.axes:
            _dress(axes)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(text.getvalue(), name, alt)


def rule_off(axes: Axes, *, x: float | None = None, y: float | None = None) -> None:
    """Draw a thin dashed reference line behind the data."""
    line = {"color": MUTED, "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 1.5}
    if x is not None:
        axes.axvline(x, **line)  # type: ignore[arg-type]
    if y is not None:
        axes.axhline(y, **line)  # type: ignore[arg-type]


@contextmanager
def _drawing_rules() -> Iterator[None]:
    import matplotlib as mpl

    rules: dict[Any, Any] = {
        "svg.fonttype": "none",  # real text: small, selectable, in the page's font
        "svg.hashsalt": "rmx",  # ids depend on the content alone
        "text.parse_math": False,  # a slice called `$x` is a name, not a formula
        "font.size": 11,
        "axes.formatter.use_mathtext": False,
        "legend.frameon": False,
        "legend.fontsize": 10.5,
        "legend.labelcolor": INK,
    }
    # Text is laid out with matplotlib's font but shown in the reader's, which may well have the glyph.
    with mpl.rc_context(rules), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def _dress(axes: Axes) -> None:
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)
    axes.tick_params(colors=MUTED, labelcolor=MUTED, length=3)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.set_axisbelow(True)


def _inline(svg: str, name: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # ids of groups are never referred to
    svg = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r"font-family: [^;\"]*; ", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]+"', head)
    if box is None:
        raise AssertionError("matplotlib's SVG has no viewBox")
    return f'<svg class="plot" {box[0]} role="img" aria-label="{escape(alt)}">{body.rstrip()}'
