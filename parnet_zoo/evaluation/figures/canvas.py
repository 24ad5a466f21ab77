"""What all figures share."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Okabe and Ito's palette: told apart with every kind of colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
_DOTS_AN_INCH = 110
# "compressed" also takes out the room that pictures of a fixed shape leave beside them.
Layout = Literal["constrained", "compressed"]


def new_figure(width: float, height: float, layout: Layout | None = "constrained") -> "Figure":
    """An empty figure, in inches, whose layout keeps texts apart and inside."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout, facecolor="white")


def save(figure: "Figure", path: Path) -> None:
    """Write the figure as a PNG; the folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Class names in a script that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, format="png", dpi=_DOTS_AN_INCH)


def calm(axes: "Axes") -> None:
    """A faint grid, and no frame where no axis is."""
    axes.grid(visible=True, color="#E0E0E0", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def literal(text: "Text") -> "Text":
    """Take dollar signs of class names as they are, not as formulas."""
    text.set_parse_math(False)
    return text


def shorten(name: str, characters: int) -> str:
    """A name that fits, its end replaced by an ellipsis if need be."""
    line = " ".join(name.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
