"""The page of all settings is the one that the code makes."""

import runpy

from vieweratlas_assets.settings import LEGACY_VARIABLES, PRESETS, keys, variable_of
from vieweratlas_tests.conftest import REPOSITORY


def test_the_page_of_settings_is_up_to_date() -> None:
    made = runpy.run_path(str(REPOSITORY / "docs/settings_page.py"))["page"]()
    there = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
    assert there == made, "run PYTHONPATH=. python docs/settings_page.py"
    for name in [*map(variable_of, keys()), *LEGACY_VARIABLES, *PRESETS]:
        assert f"`{name}`" in there
