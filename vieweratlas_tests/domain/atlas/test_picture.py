import io
import logging
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
from PIL import Image

from vieweratlas_assets.domain.atlas import picture
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import COMMUNITY_COLOURS, UNCLUSTERED_GREY
from vieweratlas_assets.domain.atlas.picture import draw_png, preview_png
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    bare_atlas,
    empty_atlas,
    hostile_atlas,
    shuffled,
    small_atlas,
)


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _share(pixels: np.ndarray, colour: str) -> float:
    return float((pixels == list(bytes.fromhex(colour[1:]))).all(axis=2).mean())


@pytest.mark.parametrize("make", ATLASES.values(), ids=ATLASES.keys())
def test_row_order_does_not_matter(make: Callable[[], Atlas]) -> None:
    size = {"width_px": 600, "height_px": 400}
    assert draw_png(shuffled(make()), **size) == draw_png(make(), **size)


def test_size_and_colours() -> None:
    pixels = _pixels(draw_png(small_atlas()))
    assert pixels.shape == (1600, 2400, 3)
    for colour in (*COMMUNITY_COLOURS[:2], UNCLUSTERED_GREY):
        assert _share(pixels, colour) > 0.0002
    assert _share(pixels, COMMUNITY_COLOURS[2]) == 0


@pytest.mark.parametrize(("width", "height"), [(2401, 1601), (333, 777), (1200, 675)])
def test_any_size_is_met_to_the_pixel(width: int, height: int) -> None:
    assert _pixels(draw_png(small_atlas(), width_px=width, height_px=height)).shape == (height, width, 3)


def test_nothing_of_program_or_clock_is_in_the_file() -> None:
    with Image.open(io.BytesIO(draw_png(small_atlas()))) as image:
        assert set(image.info) <= {"dpi"}


def test_settings_of_the_machine_do_not_change_the_picture() -> None:
    plain = draw_png(small_atlas(), width_px=600, height_px=400)
    with matplotlib.rc_context({"font.family": "serif", "figure.facecolor": "red", "text.color": "red"}):
        assert draw_png(small_atlas(), width_px=600, height_px=400) == plain
        assert matplotlib.rcParams["figure.facecolor"] == "red"


def test_texts_are_drawn_as_they_are(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    written = _record_texts(monkeypatch)
    with caplog.at_level(logging.WARNING):
        draw_png(hostile_atlas())
    assert not caplog.records
    texts = {text for text, _ in written}
    assert {"$x^2$ and $", "<script>window.hacked=1</script>", "line break and tab"} <= {
        " ".join(text.split()) for text in texts
    }
    assert not any(letter in text for text in texts for letter in "한\x01\u202e\r\t")
    assert any("□" in text for text in texts)


def test_labels_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[tuple[float, ...]] = []
    draw = picture._Canvas.png

    def keep(canvas: picture._Canvas) -> bytes:
        boxes.extend(canvas.taken)
        return draw(canvas)

    monkeypatch.setattr(picture._Canvas, "png", keep)
    names = [f"crowded_{index:03}" for index in range(300)]
    draw_png(bare_atlas(names))
    left, bottom, right, top = np.array(boxes).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    up = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    # The lines of the title stand on one another.
    over = (across > 0) & (up > 0.1) & ~np.eye(len(boxes), dtype=bool)
    over[:4, :4] = False
    assert len(boxes) > 20 and not over.any()


def test_title_says_the_day_the_counts_and_whose_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    written = [text for text, _ in _record_and_draw(monkeypatch, small_atlas())]
    assert "ViewerAtlas · 2026-11-22" in written
    assert "12 channels in 2 communities, by the viewers they share" in written
    assert "Audience = people who wrote in chat (chatters), not lurkers" in written


def test_communities_and_the_largest_channels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _record_and_draw(monkeypatch, small_atlas())
    texts = [text for text, _ in written]
    assert texts.count("Chess") == texts.count("Music (de)") == 2, "once on the map, once in the legend"
    assert {"channel_09", "channel_05"} <= set(texts)
    assert {"6", "4", "Unclustered"} <= set(texts)


def test_an_empty_atlas_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No channels" in [text for text, _ in _record_and_draw(monkeypatch, empty_atlas())]


def test_preview_is_small() -> None:
    preview = preview_png(draw_png(small_atlas()))
    assert len(preview) < 60_000
    assert _pixels(preview).shape == (320, 480, 3)


def test_preview_of_a_busy_picture_is_narrower() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800, 1200, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    preview = preview_png(stream.getvalue(), width_px=900)
    assert len(preview) < 60_000 and 200 < _pixels(preview).shape[1] < 900


def _record_texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[float, float]]]:
    written: list[tuple[str, tuple[float, float]]] = []
    write = picture._Canvas.text

    def record(canvas: picture._Canvas, x: float, y: float, text: str, *rest: object, **style: object) -> None:
        written.append((text, (x, y)))
        write(canvas, x, y, text, *rest, **style)

    monkeypatch.setattr(picture._Canvas, "text", record)
    return written


def _record_and_draw(monkeypatch: pytest.MonkeyPatch, atlas: Atlas) -> list[tuple[str, tuple[float, float]]]:
    written = _record_texts(monkeypatch)
    draw_png(atlas)
    return written
