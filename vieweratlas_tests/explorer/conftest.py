from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest
from playwright.sync_api import Browser, sync_playwright

from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.explorer.pages import CHROMIUM, SANDBOX
from vieweratlas_tests.lake_factories import TABLES, run, settings_for
from vieweratlas_tests.sandbox.worlds import write_world


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """The lake of a sandbox world, all of its days made by the assets, without pictures."""
    store = LocalStore(str(tmp_path_factory.mktemp("sandbox")))
    write_world(store, build_world(SANDBOX))
    # In a thread of its own: where Playwright runs, no other event loop may.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(make_days, settings_for(store.root, window_days=2)).result()
    return store


def make_days(settings: Settings) -> bool:
    with dg.DagsterInstance.ephemeral() as instance:
        days = SANDBOX.dates[0], SANDBOX.dates[-1]
        assets = (*TABLES, "explorer_data", "atlas_explorer", "atlas_site")
        made: bool = run(settings, "daily_atlas", *days, instance=instance, assets=assets).success
    return made
