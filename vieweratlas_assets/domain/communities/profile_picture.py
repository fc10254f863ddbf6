"""A small picture of the resolution profile: number of communities, modularity and stability.

Belongs here: drawing with matplotlib. Not here: computing the profile (resolution).
"""

import io
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from vieweratlas_assets.domain.communities.resolution import ProfileStep

WIDTH, HEIGHT = 560, 340
PAPER, INK, DIM, BLUE, GREEN = "#fbfaf7", "#17191e", "#5d6573", "#2159f4", "#376f21"


def draw_profile(profile: Sequence[ProfileStep], used: float) -> bytes:
    """Draw a profile as a PNG of 560 x 340 pixels, about 20 KB.

    Args:
        profile: at least one step, in order of resolution.
        used: the absolute resolution that detection used; a line marks it.
    """
    # The font bundled with matplotlib, so that the machine's fonts do not change the picture.
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 10}):
        # matplotlib rounds down: the extra hundredth keeps it from losing a pixel. At 72 dpi, a point is a pixel.
        figure = Figure(figsize=((WIDTH + 0.01) / 72, (HEIGHT + 0.01) / 72), dpi=72, facecolor=PAPER)
        counts, shares = figure.subplots(2, 1, sharex=True)
        resolutions = [step.resolution for step in profile]
        counts.plot(resolutions, [step.communities for step in profile], "o-", color=INK)
        counts.set_ylabel("communities")
        counts.set_ylim(bottom=0)
        stability, modularity = (
            _nan_for_none(values)
            for values in ((step.stability for step in profile), (step.modularity for step in profile))
        )
        shares.plot(resolutions, stability, "o-", color=BLUE, label="agreement of five seeds")
        shares.plot(resolutions, modularity, "s--", color=GREEN, label="modularity")
        shares.set_ylim(min(0.0, shares.get_ylim()[0]), 1.05)
        shares.legend(loc="lower left", frameon=False)
        for panel in (counts, shares):
            _style(panel, used)
        _label_resolutions(shares, profile)
        figure.tight_layout()
        stream = io.BytesIO()
        FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})  # type: ignore[no-untyped-call] # matplotlib
    return stream.getvalue()


def _nan_for_none(values: Iterable[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _style(panel: Axes, used: float) -> None:
    panel.set_facecolor(PAPER)
    panel.spines[["top", "right"]].set_visible(False)
    panel.axvline(used, color=DIM, linewidth=1, linestyle=":")


def _label_resolutions(panel: Axes, profile: Sequence[ProfileStep]) -> None:
    """Label every other step of the axis: the absolute resolution, and below it the multiple of the natural one."""
    panel.set_xscale("log", base=2)
    shown = profile[::2]
    panel.set_xticks(
        [step.resolution for step in shown], [f"{step.resolution:.2f}\n{step.relative:g} x" for step in shown]
    )
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("resolution (below: multiple of the natural one; dotted: used)")
