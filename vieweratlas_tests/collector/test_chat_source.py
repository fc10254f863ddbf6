"""The source of chat that settings name, as the collector uses it."""

import asyncio
import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from vieweratlas_assets.clients.twitch_token import TokenRefusedError
from vieweratlas_assets.domain.presence.coverage import chat_coverage_of
from vieweratlas_assets.sandbox import helix
from vieweratlas_assets.settings import CollectionSettings, Settings, TwitchSettings
from vieweratlas_assets.wiring.twitch import chat_source
from vieweratlas_tests.clients.chatting import QUICK, START, Chatting, SteadyFeed, chatting, of_world, until
from vieweratlas_tests.collector.test_collector import collecting, through

A_SECOND = 10
"""Messages in a channel."""


def settings_for(twitch: Chatting, **collection: object) -> Settings:
    """As a user of the sandbox would set them, with a user's token."""
    return Settings(
        twitch=TwitchSettings(
            oauth_token=f"oauth:{twitch.helix.user_token()}",
            helix_url=f"{twitch.server.url}/helix",
            id_url=f"{twitch.server.url}/oauth2",
            chat_url=twitch.server.chat_url,
            eventsub_url=twitch.server.eventsub_url,
        ),
        collection=CollectionSettings.model_validate(collection),
    )


@pytest.mark.parametrize("collection", [{"chat_source": "eventsub"}, {"chat_account": "token"}], ids=str)
def test_what_an_account_hears_is_in_the_lake(tmp_path: Path, collection: dict[str, str]) -> None:
    # Across the end of a minute.
    start = START + dt.timedelta(seconds=55)
    with collecting(tmp_path, feed=SteadyFeed(of_world(12), 1000 // A_SECOND), start=start, speed=1.0) as at_work:

        async def wait() -> None:
            await until(lambda: at_work.minute() > 1.07, "nine seconds")

        async def collect() -> None:
            settings = settings_for(at_work.twitch, **collection)
            at_work.source = chat_source(settings, clock=at_work.clock, retry_policy=QUICK)
            await through(at_work.collector(), wait())

        asyncio.run(collect())
    coverage = chat_coverage_of(at_work.raw())
    assert coverage["messages"].sum() == at_work.book.messages
    assert coverage.filter(pl.col("bucket_start") > START)["coverage_s"].min() >= 2
    # Coverage is told in whole seconds, and 0.3 s of messages are on their way at its ends.
    off = coverage["messages"] - coverage["coverage_s"] * A_SECOND
    assert off.abs().max() <= A_SECOND * (0.5 + 0.3)


@pytest.mark.parametrize("collection", [{"chat_source": "eventsub"}, {"chat_account": "token"}], ids=str)
def test_an_account_needs_a_token(collection: dict[str, str]) -> None:
    with pytest.raises(TokenRefusedError, match=f"collection.{next(iter(collection))} .* set twitch.oauth_token"):
        chat_source(Settings(collection=CollectionSettings.model_validate(collection)))


def test_eventsub_needs_a_token_that_may_read_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helix, "SCOPES", ["chat:read"])
    with chatting(1) as twitch, pytest.raises(TokenRefusedError, match="lacks the scope user:read:chat"):
        chat_source(settings_for(twitch, chat_source="eventsub"))
