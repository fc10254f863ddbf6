"""The demo as a newcomer meets it."""

import datetime as dt

import pytest

from vieweratlas_assets.domain.schemas import COMMUNITIES
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.sealed import SealedPartitions
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.sealed_records import sealed_table


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_collects_and_recovers_its_planted_communities(command: Command) -> None:
    arguments = ("--root", str(command.root), "demo", "--days", "1")
    elsewhere = {"VIEWERATLAS_ROOT": str(command.folder / "another")}
    printed = command.run(*arguments, **elsewhere)
    assert not (command.folder / "another").exists()
    assert "Chat: the sandbox sent" in printed
    assert ", 0 lost." in " ".join(printed.split())
    index = float(printed.partition("adjusted Rand index ")[2].split()[0])
    assert index >= 0.9
    assert str(command.root) in printed
    assert "community_graph.png" in printed
    sealed = SealedPartitions(LocalStore(command.root))
    communities = sealed_table(sealed, "communities", dt.date(2026, 10, 5), COMMUNITIES)
    assert communities["community"].n_unique() == 12
    for asset in ("channel_roster", "raw_snapshots"):
        assert len(command.materialized(asset)) == 24
    for asset in ("live_presence", "vod_catalog", "vod_presence", "communities"):
        assert command.materialized(asset) == {"2026-10-05"}

    again = command.run(*arguments, **elsewhere)
    assert "already has this made-up Twitch" in again
    assert f"adjusted Rand index {index:.3f}" in again
    refused = command.fail("--root", str(command.root), "demo", "--days", "3")
    assert "has the made-up Twitch of days 1: name another --root" in " ".join(refused.split())
