"""DATA_POLICY.md against the code: for how long raw data and presence are kept, and by what."""

import re

from vieweratlas_assets.settings import PrivacySettings
from vieweratlas_assets.storage.retention import Retention
from vieweratlas_tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "DATA_POLICY.md").read_text(encoding="utf-8")
ROWS = {
    cells[1].strip("`"): cells
    for line in PAGE.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 5
}
TERRAFORM = (REPOSITORY / "deploy/aws/storage.tf").read_text(encoding="utf-8")


def test_the_periods_of_the_page_are_the_defaults_of_the_settings() -> None:
    privacy = PrivacySettings()
    kept = Retention(privacy.raw_snapshots_days, privacy.raw_vod_chat_days, privacy.presence_days)
    assert kept == Retention()
    assert ROWS["raw/snapshots/"][3].startswith(f"{kept.raw_snapshots_days} days (`privacy.raw_snapshots_days`)")
    assert ROWS["raw/vod_chat/"][3] == f"{kept.raw_vod_chat_days} days (`privacy.raw_vod_chat_days`)"
    assert kept.presence_days is None
    assert ROWS["curated/presence_snapshots/"][3] == "until `privacy.presence_days`; not set: forever"


def test_the_bucket_s_lifecycle_keeps_the_same_periods() -> None:
    rules = re.findall(r'prefix = "(?:\$\{local\.prefix\})?([\w/-]+)", days = (\d+)', TERRAFORM)
    assert len(rules) == 5
    for prefix, days in rules:
        row = next(cells for places, cells in ROWS.items() if prefix in places)
        assert f"{days} days" in row[3], prefix
    [older] = re.findall(r"noncurrent_days = (\d+)", TERRAFORM)
    assert f"for {older} more days" in " ".join(PAGE.split())


def test_no_other_page_has_a_table_of_periods() -> None:
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    tables = {
        page.name
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and re.search(r"raw/snapshots/.*\d+ days", line)
    }
    assert tables == {"DATA_POLICY.md"}
