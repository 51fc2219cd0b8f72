"""One picture of a song, its stems and perhaps a remix, as waveforms over spectrograms."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from plugin_host.demo.overview import BANDS, HIGHEST, LOWEST, Overview, Stretch, measure
from plugin_host.errors import HostError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

_BACKGROUND, _PANEL, _INK, _FAINT = "#0d1017", "#12161f", "#e6e9ef", "#7d8799"
_SONG, _REMIX = "#c9d1e3", "#7aa2ff"
_COLOURS = {
    "drums": "#ff8a5b",
    "bass": "#b48cff",
    "other": "#4fd6be",
    "vocals": "#ffd166",
    "guitar": "#8bd450",
    "piano": "#5bc8ff",
}
_SPARE = ("#ff7eb6", "#9be564", "#f4a6ff", "#66d9ff", "#ffc2a1")
_FLOOR_DB, _TOP_DB = -64.0, 0.0
_INCHES = 13.0
"""Width of the figure, by which its letters are measured."""
USUAL_WIDTH = 1430
"""Pixels."""
FORMATS = (".png", ".jpg", ".webp")
"""Spectrograms of real music take a quarter of the room as JPEG or WebP."""


@dataclass(frozen=True)
class _Panel:
    name: str
    title: str
    colour: str
    sound: Stretch


def draw_overview(
    path: Path,
    song: Stretch,
    stems: Mapping[str, Stretch],
    remix: Stretch | None,
    sdr: Mapping[str, float] | None = None,
    remix_title: str = "remix",
    width: int = USUAL_WIDTH,
) -> None:
    """Write a picture: song, every stem, remix (where there is one) from top to bottom, waveforms above spectrograms.

    song, stems and remix have one rate and may differ in length; they are read once, in blocks. sdr gives a stem's
    signal-to-distortion ratio in dB for its title; width: of the picture, in pixels. Spectrograms have 220 bands,
    equal steps in pitch from 40 Hz to 16 kHz, shown from -64 to 0 dB of the loudest band of the song. path: ends as one
    of `FORMATS`. Raises `HostError` where it does not, matplotlib is not installed, the file cannot be written or there
    is nothing to draw, and what reading them raises.
    """
    if path.suffix.lower() not in FORMATS:
        raise HostError(f"{path} has no ending of a picture: choose one of {', '.join(FORMATS)}")
    if song.frames == 0:
        raise HostError("nothing to draw: the song has no frames")
    panels = _panels(song, stems, remix, sdr or {}, remix_title)
    figure = _figure(len(panels), width)
    rate = song.source.rate
    seconds = max(panel.sound.frames for panel in panels) / rate
    views = [measure(panel.sound, seconds) for panel in panels]
    loudest = float(views[0].levels.max())
    heights = [1.0] * (len(panels) - 1) + [1.12]  # the last carries the time axis
    rows = np.atleast_1d(np.asarray(figure.subfigures(len(panels), 1, hspace=0.0, height_ratios=heights)))
    for panel, view, row in zip(panels, views, rows, strict=True):
        wave, spectrum = _draw_titles(row, panel, view, last=panel is panels[-1])
        _draw_wave(wave, view, panel.colour, seconds, rate)
        _draw_spectrogram(spectrum, view.levels - loudest, panel.colour, seconds)
        _label_time(spectrum, seconds, shown=panel is panels[-1])
    _save(figure, path)


def _figure(rows: int, width: int) -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise HostError("the picture needs matplotlib: pip install 'stemrack[plots]'") from error
    figure = Figure(figsize=(_INCHES, 1.95 * rows), dpi=width / _INCHES, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)  # draws into memory: no screen is needed, no window opened
    return figure


def _panels(
    song: Stretch,
    stems: Mapping[str, Stretch],
    remix: Stretch | None,
    sdr: Mapping[str, float],
    remix_title: str,
) -> list[_Panel]:
    spare = iter(_SPARE * (len(stems) // len(_SPARE) + 1))
    drawn = [_Panel("song", "", _SONG, song)]
    for name, sound in stems.items():
        title = f"SDR {sdr[name]:.1f} dB" if name in sdr else ""
        drawn.append(_Panel(name, title, _COLOURS.get(name) or next(spare), sound))
    if remix is not None:
        drawn.append(_Panel("remix", remix_title if remix_title != "remix" else "", _REMIX, remix))
    return drawn


def _draw_titles(row: "SubFigure", panel: _Panel, view: Overview, *, last: bool) -> "tuple[Axes, Axes]":
    """A row's words; the axes of its waveform and of its spectrogram, still empty."""
    row.set_facecolor(_BACKGROUND)
    bottom = 0.16 if last else 0.05
    wave = row.add_axes((0.118, 0.68, 0.866, 0.28))
    spectrum = row.add_axes((0.118, bottom, 0.866, 0.68 - bottom))
    row.text(0.012, 0.74, panel.name, color=panel.colour, fontsize=15, fontweight="bold", va="center", parse_math=False)
    if panel.title:
        row.text(0.012, 0.56, panel.title, color=_INK, fontsize=9.5, va="center")
    row.text(0.012, 0.42 if panel.title else 0.56, _level_text(view.peak), color=_FAINT, fontsize=8.5, va="center")
    return wave, spectrum


def _draw_wave(axes: "Axes", view: Overview, colour: str, seconds: float, rate: int) -> None:
    times = view.starts / rate
    if times.size:
        axes.fill_between(times, view.lowest, view.highest, color=colour, alpha=0.45, linewidth=0)
        axes.fill_between(times, -view.rms, view.rms, color=colour, alpha=0.95, linewidth=0)
    # Each to its own peak, which stands beside it.
    span = 1.08 * float(np.max(np.abs([view.lowest, view.highest]), initial=1e-4))
    axes.set(xlim=(0, seconds), ylim=(-span, span), xticks=[], yticks=[], facecolor=_PANEL)
    _bare(axes)


def _draw_spectrogram(axes: "Axes", levels: NDArray[np.float64], colour: str, seconds: float) -> None:
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        extent=(0.0, seconds, 0.0, float(BANDS)),
        cmap=_colour_map(colour),
        vmin=_FLOOR_DB,
        vmax=_TOP_DB,
        interpolation="bilinear",
    )
    marks = (100, 1000, 10_000)
    places = [BANDS * np.log(mark / LOWEST) / np.log(HIGHEST / LOWEST) for mark in marks]
    axes.set_yticks(places, ["100 Hz", "1 kHz", "10 kHz"])
    axes.tick_params(axis="y", colors=_FAINT, labelsize=7.5, length=2)
    _bare(axes)


def _colour_map(colour: str) -> "Colormap":
    """From the panel's dark over the stem's colour to near white."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = [(0.0, _PANEL), (0.72, colour), (1.0, "#ffffff")]
    return LinearSegmentedColormap.from_list("stem", stops)


def _label_time(axes: "Axes", seconds: float, *, shown: bool) -> None:
    step = next((step for step in (1, 5, 10, 30, 60, 300, 600) if seconds / step <= 12), 1800)
    ticks = np.arange(0, seconds + 0.01, step)
    axes.set_xticks(ticks, [f"{int(t) // 60}:{int(t) % 60:02d}" for t in ticks] if shown else [])
    axes.tick_params(axis="x", colors=_FAINT, labelsize=8, length=3 if shown else 0)


def _bare(axes: "Axes") -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)


def _level_text(peak: float) -> str:
    return f"peak {20.0 * np.log10(peak):.1f} dB" if peak > 0.0 else "silent"


def _save(figure: "Figure", path: Path) -> None:
    """Under another name until it is whole."""
    partial = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(partial, facecolor=_BACKGROUND, format=path.suffix[1:].lower())
        partial.replace(path)
    except OSError as error:
        raise HostError(f"{path}: cannot write the picture: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
