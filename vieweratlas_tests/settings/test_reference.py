"""The page of all settings matches the code."""

import runpy

from vieweratlas_assets.settings import LEGACY_VARIABLES, PRESETS, environment_variable, keys
from vieweratlas_tests.conftest import REPOSITORY


def test_the_page_of_settings_is_up_to_date() -> None:
    built = runpy.run_path(str(REPOSITORY / "docs/settings_page.py"))["page"]()
    page = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
    assert page == built, "run PYTHONPATH=. python docs/settings_page.py"
    for name in [*map(environment_variable, keys()), *LEGACY_VARIABLES, *PRESETS]:
        assert f"`{name}`" in page
