# SPDX-License-Identifier: MIT
"""One look for all figures: like a paper's, safe for colour-blind readers, and the same bytes each time."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from PIL import Image

# Okabe and Ito's colours, which people with any colour vision tell apart; yellow is left out because it is faint on white.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000", "#7f7f7f")
COLOURS = [BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
SEQUENTIAL = "cividis"
SHADE = "#d55e00"

RC: Any = {
    "axes.axisbelow": True, "axes.edgecolor": "#333333", "axes.grid": True, "axes.labelsize": 9, "axes.linewidth": 0.7,
    "axes.prop_cycle": cycler(color=COLOURS), "axes.spines.right": False, "axes.spines.top": False, "axes.titlesize": 9.5,
    "axes.titlelocation": "left", "figure.constrained_layout.use": True, "figure.dpi": 100, "figure.facecolor": "white",
    "font.family": "DejaVu Sans", "font.size": 9, "grid.color": "#dddddd", "grid.linewidth": 0.5, "image.cmap": SEQUENTIAL,
    "legend.edgecolor": "none", "legend.fancybox": False, "legend.fontsize": 8, "legend.framealpha": 0.8, "lines.linewidth": 1.3, "lines.markersize": 4, "mathtext.fontset": "dejavusans",
    "savefig.dpi": 150, "svg.fonttype": "path", "svg.hashsalt": "brink", "xtick.labelsize": 8, "ytick.labelsize": 8, "path.simplify": True,
}
WIDTH = 7.0  # inches: the text width of a paper


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The style for the figures that are made inside."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def apply() -> None:
    """The style for a notebook, from here on."""
    matplotlib.rcParams.update(RC)


def panels(rows: int = 1, columns: int = 1, *, height: float = 2.2, width: float = WIDTH, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure and its axes as an array [rows, columns]; `height` is that of a row, in inches."""
    figure = Figure(figsize=(width, height * rows))
    axes = figure.subplots(rows, columns, **{**options, "squeeze": False})
    return figure, axes


def small_multiples(count: int, columns: int = 3, *, height: float = 2.0, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of one size, row by row."""
    columns = min(columns, max(count, 1))
    figure, axes = panels(-(-max(count, 1) // columns), columns, height=height, **options)
    flat = list(axes.ravel())
    for spare in flat[count:]:
        spare.set_visible(False)
    return figure, flat[:count]


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis whose labels are powers of ten only."""
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())


def log_numbers(axes: Axes) -> None:
    """A logarithmic y axis of a decade or two, with numbers such as 0.15, 0.2 and 0.3 in place of powers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, (1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def value_ticks(axis: Axis, values: Iterable[float], at: Iterable[float] | None = None) -> None:
    """A tick for each value that was used, and no others: axes.xaxis or axes.yaxis, also a logarithmic one. `at` is where they are, if elsewhere."""
    shown = sorted(set(values)) if at is None else list(values)
    axis.set_ticks(shown if at is None else list(at), [f"{value:g}" for value in shown])
    axis.set_minor_locator(NullLocator())


def threshold_line(axes: Axes, threshold: float | pd.Series, steps: Sequence[float] | pd.Series | None = None, label: str = "2/η") -> None:
    """The line that the sharpness is compared with; with `steps` it may change from step to step."""
    look: dict[str, Any] = {"color": BLACK, "linestyle": (0, (4, 2)), "linewidth": 1.0, "label": label, "zorder": 1.5}
    if steps is None:
        axes.axhline(float(np.asarray(threshold, dtype=float).ravel()[0]), **look)
    else:
        axes.plot(steps, np.broadcast_to(np.asarray(threshold, dtype=float), np.shape(steps)), drawstyle="steps-post", **look)


def shade_instabilities(axes: Axes, instabilities: pd.DataFrame | Iterable[Any], label: str | None = None) -> None:
    """A shade from entry to resolution of each instability; `instabilities` has `entry` and `resolution`, as rows or as objects."""
    spans = list(zip(instabilities["entry"], instabilities["resolution"])) if isinstance(instabilities, pd.DataFrame) else \
        [(one.entry, one.resolution) for one in instabilities]
    for number, (entry, resolution) in enumerate(spans):
        axes.axvspan(entry, resolution, color=SHADE, alpha=0.13, linewidth=0, zorder=0, label=label if number == 0 else None)


def band(axes: Axes, x: Any, low: Any, high: Any, colour: str = BLUE, label: str | None = None) -> None:
    """An interval around a curve."""
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, label=label)


def interval(axes: Axes, x: Any, y: Any, low: Any, high: Any, colour: str = BLUE, label: str | None = None, marker: str = "o") -> None:
    """Points with intervals."""
    y = np.asarray(y, dtype=float)
    around = np.vstack([np.maximum(y - np.asarray(low, dtype=float), 0), np.maximum(np.asarray(high, dtype=float) - y, 0)])
    axes.errorbar(x, y, yerr=around, color=colour, label=label, marker=marker, capsize=2, linewidth=1.2)


THUMBNAIL_WIDTH, THUMBNAIL_COLOURS = 720, 96


def thumbnail(png: pathlib.Path, path: pathlib.Path) -> None:
    """A small picture for the index, of few colours."""
    with Image.open(png) as image:
        small = image.convert("RGB").resize((THUMBNAIL_WIDTH, round(image.height * THUMBNAIL_WIDTH / image.width)), Image.Resampling.LANCZOS)
        small.quantize(THUMBNAIL_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def save(figure: Figure, path: str | pathlib.Path) -> list[pathlib.Path]:
    """Writes `path`.svg and `path`.png, the same bytes for the same figure: without a date, and with fonts as outlines."""
    svg, png = pathlib.Path(f"{path}.svg"), pathlib.Path(f"{path}.png")
    figure.savefig(svg, metadata={"Date": None, "Creator": "brink"})
    figure.savefig(png, metadata={"Software": None})
    return [svg, png]
