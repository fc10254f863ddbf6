from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from vieweratlas_tests.explorer.pages import CHROMIUM


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()
