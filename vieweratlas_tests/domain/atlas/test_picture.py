import io
import logging
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from PIL import Image

from vieweratlas_assets.domain.atlas.canvas import Canvas
from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.atlas.palette import THEMES, Theme
from vieweratlas_assets.domain.atlas.picture import draw_card, draw_png, preview_png
from vieweratlas_assets.domain.tagging.labels import tag_communities
from vieweratlas_tests.domain.atlas.samples import (
    ATLASES,
    atlas_of,
    bare_atlas,
    empty_atlas,
    hostile_atlas,
    shuffled,
    small_atlas,
)
from vieweratlas_tests.domain.atlas.test_map_layout import lay_out, planted


def _pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _share(pixels: np.ndarray, color: str) -> float:
    return float((pixels == list(bytes.fromhex(color[1:]))).all(axis=2).mean())


@pytest.mark.parametrize("make", ATLASES.values(), ids=ATLASES.keys())
def test_row_order_does_not_matter(make: Callable[[], Atlas]) -> None:
    pictures = [draw_png(atlas, width_px=600, height_px=400) for atlas in (shuffled(make()), make())]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("theme", THEMES)
def test_size_and_colors(theme: Theme) -> None:
    pixels = _pixels(draw_png(small_atlas(), theme))
    assert pixels.shape == (2240, 3200, 3)
    for color in (*theme.communities[:2], theme.gray):
        assert _share(pixels, color) > 0.0002
    assert _share(pixels, theme.communities[2]) == 0
    assert _share(pixels, theme.paper) > 0.3


def test_the_card_has_the_size_for_link_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _record_texts(monkeypatch)
    assert _pixels(draw_card(small_atlas())).shape == (630, 1200, 3)
    assert {"The Twitch Atlas", "22 November 2026", "12 channels"} <= {text for text, _ in written}


@pytest.mark.parametrize(("width", "height"), [(2401, 1601), (333, 777), (1200, 675)])
def test_any_size_is_exact_to_the_pixel(width: int, height: int) -> None:
    assert _pixels(draw_png(small_atlas(), width_px=width, height_px=height)).shape == (height, width, 3)


def test_the_file_has_no_program_name_and_no_time() -> None:
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
    assert not any(letter in text for text in texts for letter in "\x01\u202e\r\t")
    assert any("한글 日本語" in text for text in texts)
    assert any("😀" in text for text in texts)


@pytest.mark.parametrize("name", ["한글 日本語 中文 ไทย", "👩‍👩‍👧 ❤️ 👍🏽", "Ünïcödé Ελλ Привет", "x" * 50])
def test_characters_that_no_font_has_cause_no_warning(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        draw_png(bare_atlas([name, "b"]), width_px=600, height_px=400)
    assert not caplog.records


@pytest.mark.parametrize("make", [small_atlas, hostile_atlas, lambda: bare_atlas(_crowd(300)), lambda: _towns(400)])
def test_labels_do_not_overlap_and_all_text_is_on_the_canvas(
    make: Callable[[], Atlas], monkeypatch: pytest.MonkeyPatch
) -> None:
    canvases: list[Canvas] = []
    draw = Canvas.png

    def keep(canvas: Canvas) -> bytes:
        canvases.append(canvas)
        return draw(canvas)

    monkeypatch.setattr(Canvas, "png", keep)
    atlas = make()
    draw_png(atlas)
    draw_card(atlas)
    assert len(canvases) == 2
    for canvas in canvases:
        left, bottom, right, top = np.array(canvas.taken).T
        across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
        up = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
        # The lines of the title touch each other, and the legend occupies its whole margin.
        over = (across > 0) & (up > 0.1) & ~np.eye(len(canvas.taken), dtype=bool)
        over[:5, :5] = False
        assert not over.any()
        for text in canvas.axes.texts:
            box = text.get_window_extent()
            assert min(box.x0, box.y0) >= 0, text
            assert box.x1 <= canvas.width, text
            assert box.y1 <= canvas.height, text
    assert len(canvases[0].taken) > 8


def _crowd(count: int) -> list[str]:
    return [f"crowded_{index:03}" for index in range(count)]


def _towns(count: int) -> Atlas:
    """Many channels in countries."""
    tables = planted([count // 4, count // 8, count // 8, count // 16, 9, 5])
    nodes, edges, communities = tables
    tags = tag_communities(nodes, communities)
    return atlas_of(nodes, edges, communities, tags, lay_out(tables))


def test_the_title_shows_the_day_the_counts_and_the_note_on_audiences(monkeypatch: pytest.MonkeyPatch) -> None:
    written = [text for text, _ in _record_and_draw(monkeypatch, small_atlas())]
    assert "The Twitch Atlas · 22 November 2026" in written
    assert "12 channels in 2 communities, by the viewers they share" in written
    assert "Audience = people who wrote in chat (chatters), not lurkers" in written


def test_communities_and_the_largest_channels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _record_and_draw(monkeypatch, small_atlas())
    texts = [text for text, _ in written]
    assert {"CHESS", "Chess", "Music (de)"} <= {text.replace("\n", " ") for text in texts}
    assert {"channel_09", "channel_05"} <= set(texts)
    assert {"6 · ?", "4 · ?", "Unclustered"} <= set(texts), "their viewers are not known"
    assert any(text.startswith("ViewerAtlas · ") and "not affiliated" in text for text in texts)


def test_an_empty_atlas_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No channels" in [text for text, _ in _record_and_draw(monkeypatch, empty_atlas())]


def test_preview_is_small() -> None:
    preview = preview_png(draw_png(small_atlas()))
    assert len(preview) < 60_000
    assert _pixels(preview).shape == (336, 480, 3)


def test_preview_of_a_busy_picture_is_narrower() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800, 1200, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    preview = preview_png(stream.getvalue(), width_px=900)
    assert len(preview) < 60_000
    assert 200 < _pixels(preview).shape[1] < 900


def _record_texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[float, float]]]:
    written: list[tuple[str, tuple[float, float]]] = []
    write = Canvas.text

    def record(canvas: Canvas, x: float, y: float, text: str, face: FontProperties, **style: Any) -> None:
        written.append((text, (x, y)))
        write(canvas, x, y, text, face, **style)

    monkeypatch.setattr(Canvas, "text", record)
    return written


def _record_and_draw(monkeypatch: pytest.MonkeyPatch, atlas: Atlas) -> list[tuple[str, tuple[float, float]]]:
    written = _record_texts(monkeypatch)
    draw_png(atlas)
    return written
