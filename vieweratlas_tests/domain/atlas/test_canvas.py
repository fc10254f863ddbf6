"""The canvas: what can be drawn, how large texts are, and which boxes are free."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from vieweratlas_assets.domain.atlas.canvas import LINE_HEIGHT, Box, Canvas, drawable, font
from vieweratlas_assets.domain.atlas.palette import DARK

SIDES = st.integers(-2, 11)


def canvas(width: int = 100, height: int = 100) -> Canvas:
    return Canvas(width, height, DARK, 1.0)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("한글 日本語 中文 ไทย", "한글 日本語 中文 ···"),
        ("👩‍👩‍👧 ❤️ 👍🏽", "👩👩👧 ❤ 👍"),
        ("Ünïcödé Ελλ Привет", "Ünïcödé Ελλ Привет"),
        ("e\u0301", "é"),
        ("x" * 50, "x" * 39 + "…"),
        ("x" * 40, "x" * 40),
        (" a\n", "a"),
        ("", ""),
    ],
)
def test_a_text_becomes_one_line_that_can_be_drawn(name: str, shown: str) -> None:
    assert drawable(name) == shown


@pytest.mark.parametrize(("width", "height"), [(100, 60), (333, 77), (1, 1)])
def test_a_picture_has_the_size_of_its_canvas(width: int, height: int) -> None:
    with Image.open(io.BytesIO(canvas(width, height).png())) as image:
        assert image.size == (width, height)
        assert "Software" not in image.info


def test_a_text_is_as_high_as_its_lines_and_as_wide_as_the_widest() -> None:
    one, face = canvas(), font(20)
    width, height = one.size("wide words", face)
    assert height == pytest.approx(20 * LINE_HEIGHT)
    three_wide, three_high = one.size("a\nwide words\nb", face)
    assert three_wide == width
    assert three_high == pytest.approx(3 * height)
    assert one.size("wide words", font(40))[0] == pytest.approx(2 * width, rel=0.05)
    assert one.size("wide words", font(20, bold=True))[0] != width


@pytest.mark.parametrize("width", [0, 10, 37, 100, 1000])
@pytest.mark.parametrize("text", ["", "i", "a name of several words", "日本語 한글 👩"])
def test_a_text_is_cut_to_the_longest_beginning_that_fits(text: str, width: float) -> None:
    one, face = canvas(), font(14)
    cut = one.cut(text, face, width)
    if one.size(text, face)[0] <= width:
        assert cut == text
    else:
        assert len(cut) <= 1 or one.size(cut, face)[0] <= width
        assert text.startswith(cut.removesuffix("…"))
        assert len(cut) == len(text) or one.size(text[: len(cut)] + "…", face)[0] > width


def test_a_text_is_never_read_as_a_formula() -> None:
    one = canvas()
    one.text(10, 10, "$x^2$", font(10), halo=2.0)
    [written] = one.axes.texts
    assert (written.get_text(), written.get_parse_math()) == ("$x^2$", False)
    assert len(written.get_path_effects()) == 1


@given(st.tuples(SIDES, SIDES, SIDES, SIDES), st.lists(st.tuples(SIDES, SIDES, SIDES, SIDES), max_size=3))
@example((5, 1, 7, 3), [(0, 0, 4, 9)])
@example((1, 1, 3, 3), [(4, 0, 8, 9)])
@example((1, 5, 3, 7), [(0, 0, 9, 4)])
@example((1, 1, 3, 3), [(0, 4, 9, 9)])
def test_a_box_is_free_if_it_shares_no_pixel_with_a_label(box: Box, labels: list[Box]) -> None:
    def pixels(of: Box) -> set[tuple[int, int]]:
        left, bottom, right, top = map(int, of)
        return {(x, y) for x in range(left, right) for y in range(bottom, top)}

    def upright(of: Box) -> Box:
        return min(of[0], of[2]), min(of[1], of[3]), max(of[0], of[2]) + 1, max(of[1], of[3]) + 1

    box, labels = upright(box), [upright(label) for label in labels]
    one = EMPTY
    one.taken = labels
    is_inside = min(box[:2]) >= 0 and max(box[2:]) <= 10
    assert one.is_free(box) is (is_inside and not any(pixels(box) & pixels(label) for label in labels))


EMPTY = canvas(10, 10)
