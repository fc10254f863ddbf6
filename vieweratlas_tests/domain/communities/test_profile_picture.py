import io

import pytest
from PIL import Image

from vieweratlas_assets.domain.communities.profile_picture import draw_profile
from vieweratlas_assets.domain.communities.resolution import ProfileStep

STEPS = [ProfileStep(2.0**n, 2.0 ** (n - 1), 5 * 2 ** (n + 2), 0.7 - n / 10, 1 - n / 20) for n in range(-2, 4)]
NOTHING_KNOWN = [ProfileStep(1.0, 1.0, 1, None, None)]


@pytest.mark.parametrize("profile", [STEPS, STEPS[:1], NOTHING_KNOWN], ids=["usual", "one step", "nothing known"])
def test_a_profile_is_a_small_picture_with_the_same_bytes_each_time(profile: list[ProfileStep]) -> None:
    png = draw_profile(profile, 2.0)
    assert Image.open(io.BytesIO(png)).size == (560, 340)
    assert len(png) < 60_000
    assert draw_profile(profile, 2.0) == png


def test_every_figure_of_a_profile_changes_the_picture() -> None:
    drawn = draw_profile(STEPS, 2.0)
    last = STEPS[-1]
    for other in (
        ProfileStep(last.resolution, last.relative, last.communities * 2, last.modularity, last.stability),
        ProfileStep(last.resolution, last.relative, last.communities, 0.0, last.stability),
        ProfileStep(last.resolution, last.relative, last.communities, last.modularity, 0.1),
        ProfileStep(last.resolution * 2, last.relative, last.communities, last.modularity, last.stability),
    ):
        assert draw_profile([*STEPS[:-1], other], 2.0) != drawn
    assert draw_profile(STEPS, 4.0) != drawn
