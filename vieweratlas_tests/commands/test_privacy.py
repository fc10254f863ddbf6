"""Keys, erased viewers and opt-outs at the command line."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.schemas import (
    PRESENCE,
)
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.dagster_results import latest_metadata
from vieweratlas_tests.importers.samples import three_days
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.lake_factories import DAY, put_live, two_groups_with_bots

SECRET = "7d" * 32
NEXT = DAY + dt.timedelta(days=1)


SMALL = {"VIEWERATLAS_ANALYSIS__MIN_CHANNEL_VIEWERS": "1", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}


def file_contents(*folders: Path) -> Iterator[bytes]:
    for folder in folders:
        yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.long
def test_from_a_new_key_to_an_erased_viewer(command: Command, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    command.run("privacy", "new-key", str(key_file))
    secret = key_file.read_text().strip()
    keyed = {
        **SMALL,
        "VIEWERATLAS_PRIVACY__VIEWER_NAMES": "pseudonymous",
        "VIEWERATLAS_PRIVACY__PSEUDONYM_KEY_FILE": str(key_file),
    }
    three_days(tmp_path / "vods")
    printed = command.run("import", "vod-lake", str(tmp_path / "vods"), **keyed)
    printed += command.run("analyze", **keyed)
    store = LocalStore(command.root)
    presence = store.list_files(f"{lake.PRESENCE}/")
    viewers = {name for key in presence for row in store.download_parquet(key, PRESENCE)["chatters"] for name in row}
    assert viewers
    assert all(name.startswith("p.") for name in viewers)
    login, pseudonym = command.run("privacy", "names", " Ann", **keyed).split()
    assert login == "ann"
    assert pseudonym in viewers

    erased = min(viewers)
    before = {key: store.download_bytes(key) for key in store.list_files()}
    dry_run = command.run("erase", "--viewer", erased, "--dry-run", **keyed)
    assert "Would be erased" in dry_run
    assert "vieweratlas analyze --from" in dry_run
    assert {key: store.download_bytes(key) for key in store.list_files()} == before
    printed += dry_run + command.run("erase", "--viewer", erased, **keyed)
    assert "add `viewer NAME` to the opt-out list" in printed
    printed += command.run("analyze", "--outdated", **keyed)
    assert "No day of the atlas is out of date" in command.run("analyze", "--outdated", **keyed)
    for key in store.list_files("curated/", ".parquet"):
        frame = pl.read_parquet(Path(store.root) / key, hive_partitioning=False)
        assert erased not in str(frame.to_dicts()), key

    kept = {**keyed, "VIEWERATLAS_PRIVACY__PRESENCE_DAYS": "1"}
    printed += command.run("prune", **kept)
    assert store.list_files(f"{lake.PRESENCE}/") == []
    audiences = {key: store.download_bytes(key) for key in store.list_files("curated/channel_audience/", ".parquet")}
    printed += command.run("analyze", **kept)
    assert "No day of the atlas is out of date" in command.run("analyze", "--outdated", **kept)
    assert audiences == {
        key: store.download_bytes(key) for key in store.list_files("curated/channel_audience/", ".parquet")
    }

    # Neither the lake, nor Dagster's history, nor anything printed holds the key.
    for form in (secret, secret.upper(), bytes.fromhex(secret).decode("latin-1")):
        assert form not in printed
    for data in file_contents(command.root, tmp_path / "home"):
        assert secret.encode() not in data
        assert bytes.fromhex(secret) not in data


@pytest.mark.parametrize(
    ("arguments", "privacy", "message"),
    [
        (["erase"], {}, "name a viewer with --viewer"),
        (["erase", "--opted-out"], {}, "name a viewer with --viewer"),
        (["erase", "--viewer", " "], {}, "name a viewer with --viewer"),
        (["analyze", "--outdated", "--date", "2026-03-10"], {}, "--outdated finds the days itself"),
        (["import", "vod-lake", "."], {"VIEWER_NAMES": "pseudonymous"}, "no key is set"),
        (["erase", "--viewer", "ann"], {"OPT_OUT_FILE": "none.txt"}, "none.txt cannot be read"),
        (["erase", "--viewer", "ann"], {"PSEUDONYM_KEY": SECRET[:62]}, "which make 31 bytes"),
        (["erase", "--viewer", "ann"], {"PSEUDONYM_KEY_FILE": "lake/key"}, "inside the lake"),
        (["privacy", "new-key", "lake/key"], {}, "inside the lake"),
    ],
)
def test_bad_input_is_one_clear_line_without_the_key(
    command: Command, arguments: list[str], privacy: dict[str, str], message: str
) -> None:
    variables = {f"VIEWERATLAS_PRIVACY__{name}": value for name, value in privacy.items()}
    printed = command.fail(*arguments, **variables)
    assert message in " ".join(printed.split())
    assert SECRET[:62] not in printed


def test_erasing_all_who_opted_out_reports_the_changed_presence_to_dagster(command: Command, tmp_path: Path) -> None:
    put_live(LocalStore(command.root), DAY, two_groups_with_bots())
    put_live(LocalStore(command.root), NEXT, {"a1": [["bob1"]]})
    (tmp_path / "opt-out.txt").write_text("viewer ann1\nviewer ann2\n")
    listed = {"VIEWERATLAS_PRIVACY__OPT_OUT_FILE": str(tmp_path / "opt-out.txt")}

    printed = command.run("erase", "--opted-out", **listed)

    assert f"1 day(s) affected: {DAY}" in printed
    assert "opt-out list" not in printed
    rows = LocalStore(command.root).download_parquet(lake.live_presence(DAY), PRESENCE)
    assert not {"ann1", "ann2"} & {name for row in rows["chatters"] for name in row}
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("live_presence")) == {str(DAY)}
        metadata = latest_metadata(instance, "live_presence")
    assert metadata["origin"] == "erase"
    assert metadata["rows_changed"] == 3
    assert "ann" not in str(metadata)
