"""The collector during failures of Twitch: requests to Helix fail, and chat is still collected."""

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.clients.chat import CONNECTION_LOST
from vieweratlas_assets.collector.wanted import RosterUnavailableError, Wanted
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.settings import CollectionSettings, Settings, TwitchSettings
from vieweratlas_assets.wiring.collector import Roster
from vieweratlas_tests.clients.chatting import until
from vieweratlas_tests.collector.test_collector import SPEED, Collecting, account_for, collect_during, collecting


class RecordedRoster:
    """The roster of the feed's channels, read from Helix; records successes and failures."""

    def __init__(self, at_work: Collecting) -> None:
        twitch = TwitchSettings(
            client_id="sandbox",
            client_secret="sandbox-secret",
            helix_url=f"{at_work.twitch.server.url}/helix",
            id_url=f"{at_work.twitch.server.url}/oauth2",
        )
        collection = CollectionSettings(channels=tuple(at_work.twitch.feed.room_ids))
        settings = Settings(twitch=twitch, collection=collection)
        self._roster = Roster(settings, at_work.store, ViewerNames(), at_work.clock)
        self.answered = 0
        self.unanswered: list[str] = []

    def __call__(self) -> Wanted:
        try:
            wanted = self._roster()
        except RosterUnavailableError as error:
            self.unanswered.append(str(error))
            raise
        self.answered += 1
        return wanted


def expire_the_token(at_work: Collecting) -> None:
    at_work.twitch.helix.expire_tokens()


def answer_429(at_work: Collecting) -> None:
    at_work.twitch.helix.faults.extend([429] * 3)


def answer_503(at_work: Collecting) -> None:
    # One request and its three retries.
    at_work.twitch.helix.faults.extend([503] * 4)


@pytest.mark.parametrize(
    ("fault", "reported"), [(expire_the_token, None), (answer_429, None), (answer_503, "HTTP 503, 4 times")]
)
def test_failures_of_helix_during_a_run_lose_no_chat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Callable[[Collecting], None], reported: str | None
) -> None:
    with collecting(tmp_path) as at_work:
        roster = at_work.wanted = RecordedRoster(at_work)

        async def trouble() -> None:
            await until(lambda: at_work.minute() > 1.2 and roster.answered >= 1, "a minute")
            fault(at_work)
            answered = roster.answered
            await until(lambda: not at_work.twitch.helix.faults, "the fault has happened")
            await until(lambda: roster.answered >= answered + 2, "Helix answers again")
            end = at_work.minute() + 1
            await until(lambda: at_work.minute() > end, "another minute")

        with caplog.at_level(logging.WARNING):
            asyncio.run(collect_during(at_work.collector(), trouble()))
        coverage = account_for(at_work)
    first, last = coverage["bucket_start"].min(), coverage["bucket_start"].max()
    within = coverage.filter(~pl.col("bucket_start").is_in([first, last]))
    assert within["coverage_s"].unique().to_list() == [60]
    if reported is None:
        assert roster.unanswered == []
    else:
        (message,) = roster.unanswered
        assert reported in message
    assert ("the previous channels stay watched" in caplog.text) is (reported is not None)


def test_names_that_cannot_be_resolved_are_a_gap_until_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    getaddrinfo = socket.getaddrinfo
    failures: list[Any] = []

    def resolve(host: Any, *arguments: Any, **named: Any) -> Any:
        if failures and host == "localhost":
            failures.append(host)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return getaddrinfo(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with collecting(tmp_path) as at_work:
        named = at_work.twitch.server.chat_url.replace("127.0.0.1", "localhost")
        gap: list[float] = []

        async def trouble() -> None:
            await until(lambda: at_work.minute() > 1.2, "a minute")
            failures.append("from now on")
            at_work.twitch.server.call(at_work.twitch.chat.reset)
            gap.append(at_work.clock())
            await until(lambda: len(failures) > 3 and at_work.minute() > 2.5, "it was attempted several times")
            failures.clear()
            sessions = at_work.twitch.chat.sessions
            await until(lambda: sum(len(each.joined) for each in sessions) == 12, "all channels are joined")
            gap.append(at_work.clock())
            await until(lambda: at_work.minute() > 4.2, "another minute")

        asyncio.run(collect_during(at_work.collector(url=named), trouble()))
        coverage = account_for(at_work)
    incomplete = coverage.filter(pl.col("gap_reasons").str.contains(CONNECTION_LOST))
    by_channel = incomplete.group_by("channel").agg(missing_s=(60 - pl.col("coverage_s")).sum())
    assert by_channel.height == 12
    # A second of the real clock is half a minute of this one.
    expected = gap[1] - gap[0]
    assert by_channel["missing_s"].is_between(expected - 0.5 * SPEED, expected + 0.5 * SPEED).all()
    assert "Temporary failure in name resolution" in caplog.text
