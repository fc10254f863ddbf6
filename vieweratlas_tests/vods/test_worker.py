"""From the queue to the lake: presence equals what was written, through all failures."""

import datetime as dt
import gzip
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from vieweratlas_assets.clients.vod_chat import VodChatError, VodChatMisconfiguredError, VodGoneError
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import PLAIN, ViewerNames
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_PROGRESS
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.vods.database import Database
from vieweratlas_assets.vods.limits import BudgetSpentError, SharedRequests
from vieweratlas_assets.vods.queue import LEASE_S, MOST_ATTEMPTS, QueuedVod, VodQueue, backoff_s
from vieweratlas_assets.vods.sources import (
    ChatRequest,
    FileSource,
    GraphqlSource,
    SampledSource,
    VodChat,
    VodChatSource,
)
from vieweratlas_assets.vods.tables import State
from vieweratlas_assets.vods.worker import KnownVod, Outcome, VodWorkers
from vieweratlas_tests.vods.conditions import wait_for, when
from vieweratlas_tests.vods.postgres import postgres
from vieweratlas_tests.vods.replay import VOD, Replay, replaying

CREATED = dt.datetime(2026, 10, 5, 18, 0, 7, tzinfo=dt.UTC)
DAY = CREATED.date()


@dataclass
class AtWork:
    """Workers on a sandbox's VODs."""

    replay: Replay
    queue: VodQueue
    store: LocalStore
    clock: list[float]

    def workers(
        self, *, source: VodChatSource | None = None, names: ViewerNames = PLAIN, **fields: Any
    ) -> VodWorkers:
        source = source or GraphqlSource(self.replay.client())
        return VodWorkers(queue=self.queue, source=source, store=self.store, names=names, **fields)

    def presence(self, vod_id: str = VOD) -> pl.DataFrame:
        return self.store.download_parquet(lake.vod_presence("forsen", vod_id), PRESENCE)

    def states(self) -> dict[str, str]:
        return {row["vod_id"]: row["state"] for row in self.queue.rows()}

    def exact(self, vod_id: str = VOD) -> None:
        """Assert that presence is, row for row, what was written."""
        rows = self.presence(vod_id)
        stored = dict(zip(rows["offset_s"], map(set, rows["chatters"]), strict=True))
        assert stored == self.replay.chats.written(vod_id)
        assert rows["content_id"].unique().to_list() == [f"vod:{vod_id}"]
        begins = [CREATED + dt.timedelta(seconds=offset) for offset in rows["offset_s"]]
        assert rows["bucket_start"].to_list() == begins
        assert rows["offset_s"].is_sorted()


@contextmanager
def at_work(folder: Path, vods: dict[str, int] | None = None, *, url: str | None = None) -> Iterator[AtWork]:
    """A sandbox with VODs of forsen, which are in the queue."""
    clock = [1_791_300_000.0]
    with replaying(vods) as replay:
        database = Database(url or f"sqlite:///{folder}/queue.db")
        queue = VodQueue(database, clock=lambda: clock[0])
        queue.add(QueuedVod(vod_id, "forsen", CREATED) for vod_id in replay.chats.vods)
        yield AtWork(replay, queue, LocalStore(folder / "lake"), clock)
        database.close()


def test_presence_is_what_was_written_and_the_queue_knows_it(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 1000, "2580000002": 0, "2580000003": 7}) as work:
        reported: list[Outcome] = []
        outcomes = work.workers(known=lambda _: KnownVod("22484632", 3600), on_outcome=reported.append).run([DAY])
        assert outcomes == reported
        assert {each.state for each in outcomes} == {State.COMPLETED}
        for vod_id in (VOD, "2580000003"):
            work.exact(vod_id)
            assert work.presence(vod_id)["channel_id"].unique().to_list() == ["22484632"]
        assert work.presence("2580000002").is_empty()
        rows = {row["vod_id"]: row for row in work.queue.rows()}
        written = work.replay.chats.written(VOD)
        assert (rows[VOD]["comments"], rows[VOD]["buckets"]) == (1000, len(written))
        assert rows[VOD]["chatters"] == len(set().union(*written.values()))
        assert rows["2580000002"]["comments"] == 0
        assert not work.store.list_files("raw/")


def test_the_same_vod_gives_the_same_bytes_by_cursor_and_by_offset(tmp_path: Path) -> None:
    files = []
    for refuses in (False, True):
        with at_work(tmp_path / str(refuses)) as work:
            work.replay.vod_chat.faults.refuses_cursors = refuses
            work.workers().run()
            files.append(work.store.download_bytes(lake.vod_presence("forsen", VOD)))
    assert files[0] == files[1]


def test_a_later_attempt_continues_a_broken_one_and_presence_is_written_only_when_complete(tmp_path: Path) -> None:
    with at_work(tmp_path) as work:
        faults = work.replay.vod_chat.faults
        faults.statuses = deque([200] * 10 + [503] * 6)
        (outcome,) = work.workers().run()
        assert outcome.state == State.PENDING
        assert "HTTP 503" in (outcome.reason or "")
        assert not work.store.exists(lake.vod_presence("forsen", VOD))
        saved = work.store.download_parquet(lake.vod_progress("forsen", VOD), VOD_PROGRESS)
        assert 400 < saved["comments"].sum() < 590
        assert work.workers().run() == []
        work.clock[0] += 30
        asked = work.replay.vod_chat.requests
        (outcome,) = work.workers().run()
        assert outcome.state == State.COMPLETED
        assert outcome.attempt == 2
        assert work.replay.vod_chat.requests - asked < 10
        assert outcome.figures is not None
        assert outcome.figures.comments == 1000
        work.exact()
        assert not work.store.exists(lake.vod_progress("forsen", VOD))


def test_progress_that_cannot_be_read_is_fetched_again(tmp_path: Path) -> None:
    with at_work(tmp_path) as work:
        work.store.upload_bytes(lake.vod_progress("forsen", VOD), b"PAR1 broken")
        work.workers().run()
        work.exact()


def test_a_vod_that_was_deleted_is_skipped_with_the_reason(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 1000, "2580000002": 10}) as work:
        work.replay.vod_chat.faults.deleted.add(VOD)
        work.workers().run()
        assert work.states() == {VOD: State.SKIPPED, "2580000002": State.COMPLETED}
        assert "deleted" in work.queue.rows()[0]["reason"]


def test_a_vod_that_fails_in_all_attempts_does_not_stop_the_others(tmp_path: Path) -> None:
    vods = {f"25800000{number:02d}": 100 for number in range(1, 9)}
    with at_work(tmp_path, vods) as work:
        broken = work.replay.chats.vods["2580000005"]
        broken.logins[7] = 12  # type: ignore[call-overload]
        for _ in range(6):
            work.workers().run(at_once=3)
            work.clock[0] += 500
        states = work.states()
        assert states.pop("2580000005") == State.FAILED
        assert set(states.values()) == {State.COMPLETED}
        (row,) = [row for row in work.queue.rows() if row["state"] == State.FAILED]
        assert row["attempts"] == 5
        assert row["reason"]


def test_a_misconfigured_source_ends_the_run_and_costs_no_attempt(tmp_path: Path) -> None:
    with at_work(tmp_path, {f"25800000{number:02d}": 10 for number in range(1, 9)}) as work:
        source = FileSource(tmp_path / "nowhere")
        with pytest.raises(VodChatMisconfiguredError, match=r"vod\.files_dir"):
            work.workers(source=source).run(at_once=2)
        assert {(row["state"], row["attempts"]) for row in work.queue.rows()} == {(State.PENDING, 0)}


def test_a_lake_that_is_down_ends_the_run_and_costs_no_attempt(tmp_path: Path) -> None:
    class Down(LocalStore):
        def upload_bytes(self, key: str, data: bytes) -> str:
            raise StorageError(f"{key}: the lake is down, {len(data)} bytes")

    with at_work(tmp_path) as work:
        work.store = Down(tmp_path / "lake")
        with pytest.raises(StorageError):
            work.workers().run()
        assert [(row["state"], row["attempts"]) for row in work.queue.rows()] == [(State.PENDING, 0)]


def test_workers_share_the_requests_of_a_day_and_the_other_vods_wait(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 1000, "2580000002": 1000}) as work:
        waits: list[float] = []
        database = Database(f"sqlite:///{tmp_path}/queue.db")

        def source() -> GraphqlSource:
            shared = SharedRequests(database, per_s=10, per_day=25, clock=lambda: work.clock[0], sleep=waits.append)
            client = work.replay.client()
            client._turn = shared.turn
            return GraphqlSource(client)

        with pytest.raises(BudgetSpentError, match=r"25 requests.*vod\.requests_a_day"):
            work.workers(source=source()).run()
        assert sorted(work.states().values()) == [State.COMPLETED, State.PENDING]
        assert work.replay.vod_chat.requests == 25 == len(waits) + 1
        assert waits == pytest.approx([number / 10 for number in range(1, 25)])
        work.clock[0] += 86_400
        work.workers(source=source()).run()
        assert set(work.states().values()) == {State.COMPLETED}
        assert work.replay.vod_chat.requests < 40
        work.exact()
        work.exact("2580000002")
        database.close()


@pytest.mark.parametrize("ends", [VodGoneError("deleted"), VodChatError("later"), VodChatError("\0 and \ud800")])
def test_a_vod_that_is_skipped_while_it_fails_stops_no_other(tmp_path: Path, ends: Exception) -> None:
    class Skipped(GraphqlSource):
        @contextmanager
        def chat(self, request: ChatRequest) -> Iterator[VodChat]:
            if request.vod.vod_id == VOD:
                if "later" in str(ends) or isinstance(ends, VodGoneError):
                    work.queue.skip_vods([VOD], "by hand")
                raise ends
            with super().chat(request) as chat:
                yield chat

    with at_work(tmp_path, {VOD: 100, "2580000002": 100}) as work:
        outcomes = work.workers(source=Skipped(work.replay.client())).run()
        assert len(outcomes) == 2
        assert work.states()["2580000002"] == State.COMPLETED
        assert work.states()[VOD] in (State.SKIPPED, State.PENDING)


def test_a_full_attempt_does_not_continue_a_sample(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 20_000}) as work:
        work.replay.vod_chat.faults.statuses = deque([200] * 30 + [503] * 6)
        work.workers(source=SampledSource(work.replay.client()), known=lambda _: KnownVod(None, 3600)).run()
        assert work.store.list_files("raw/vod_chat/")
        work.clock[0] += 30
        (outcome,) = work.workers(known=lambda _: KnownVod(None, 3600)).run()
        assert outcome.figures is not None
        assert outcome.figures.comments == 20_000
        work.exact()
        assert not work.store.list_files("raw/vod_chat/")


def test_workers_that_are_stopped_return_their_vods(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 3000, "2580000002": 3000}) as work:
        workers = work.workers()
        asked = work.replay.vod_chat
        stopping = when(lambda: asked.requests > 20, workers.stop.set)
        outcomes = workers.run(at_once=2)
        stopping.join()
        assert {each.state for each in outcomes} == {State.PENDING}
        assert {(row["state"], row["attempts"]) for row in work.queue.rows()} == {(State.PENDING, 0)}
        assert len(work.store.list_files("raw/vod_chat/")) == 2
        work.workers().run(at_once=2)
        assert asked.requests < 2 * 3000 / 59 + 10
        work.exact()
        work.exact("2580000002")


@pytest.mark.parametrize("renew_every_s", [0.01, 180.0])
def test_a_worker_that_loses_its_lease_gives_up_and_the_other_counts(tmp_path: Path, renew_every_s: float) -> None:
    with at_work(tmp_path) as work:
        asked = work.replay.vod_chat

        def meanwhile() -> None:
            claim = None
            # The lease may be renewed between the two lines below.
            while claim is None:
                work.clock[0] += LEASE_S
                claim = work.queue.claim("other")
            assert claim.attempt == 2

        other = when(lambda: asked.requests > 5, meanwhile)
        (outcome,) = work.workers(renew_every_s=renew_every_s).run(most=1)
        other.join()
        assert outcome.state == State.PROCESSING
        assert [(row["state"], row["attempts"]) for row in work.queue.rows()] == [(State.PROCESSING, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("comments", "refuses_cursors"),
    [(40_000, False), (40_000, True), pytest.param(200_000, True, marks=pytest.mark.long)],
)
def test_all_comments_are_each_counted_once_through_all_failures(
    tmp_path: Path, comments: int, refuses_cursors: bool
) -> None:
    with at_work(tmp_path, {VOD: comments}) as work:
        faults = work.replay.vod_chat.faults
        faults.refuses_cursors, faults.service_error_every, faults.to_cut = refuses_cursors, 3, 3
        faults.statuses = deque([200] * 200 + [503] * 6 + [200] * 200 + [502, 200] * 20)
        for _ in range(MOST_ATTEMPTS):
            work.workers().run()
            work.clock[0] += backoff_s(MOST_ATTEMPTS)
        (row,) = work.queue.rows()
        assert (row["state"], row["attempts"]) == (State.COMPLETED, 2)
        assert row["comments"] == comments
        work.exact()


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_workers_continue_while_the_database_of_the_queue_restarts(tmp_path: Path) -> None:
    vods = {f"25800{number:05d}": 300 for number in range(60)}
    done: list[Outcome] = []

    def are_done(count: int) -> bool:
        return len(done) >= count

    with postgres() as server, at_work(tmp_path, vods, url=server.url) as work, ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(work.workers(on_outcome=done.append).run, at_once=2) for _ in range(2)]
        for reached in (10, 25, 40):
            wait_for(partial(are_done, reached))
            server.stop()
            server.start()
        for each in runs:
            each.result()
        assert set(work.states().values()) == {State.COMPLETED}
        assert {row["comments"] for row in work.queue.rows()} == {300}
        assert {row["attempts"] for row in work.queue.rows()} <= {1, 2}
        for vod in vods:
            work.exact(vod)
        assert len(work.store.list_files("curated/")) == 60
        assert not work.store.list_files("raw/")


def test_names_are_stored_as_the_settings_say_also_in_saved_progress(tmp_path: Path) -> None:
    names = ViewerNames(pseudonymous=True, key=b"k" * 32, opted_out_viewers=["viewer_1"])
    with at_work(tmp_path) as work:
        work.replay.vod_chat.faults.statuses = deque([200] * 10 + [503] * 6)
        work.workers(names=names).run()
        saved = work.store.download_bytes(lake.vod_progress("forsen", VOD))
        work.clock[0] += 30
        (outcome,) = work.workers(names=names).run()
        rows = work.presence()
        for data in (saved, work.store.download_bytes(lake.vod_presence("forsen", VOD))):
            assert b"viewer_" not in data.replace(b"viewer_count", b"")
        written = work.replay.chats.written(VOD)
        expected = {offset: set(names.chatters(pl.Series([sorted(who)]))[0]) for offset, who in written.items()}
        assert dict(zip(rows["offset_s"], map(set, rows["chatters"]), strict=True)) == expected
        assert outcome.figures is not None
        assert outcome.figures.chatters == len(set().union(*expected.values())) == 49


def test_a_channel_that_opted_out_is_skipped_without_a_request(tmp_path: Path) -> None:
    with at_work(tmp_path) as work:
        work.workers(names=ViewerNames(opted_out_channels=["forsen"])).run()
        assert work.states() == {VOD: State.SKIPPED}
        assert not work.replay.vod_chat.requests
        assert not work.store.list_files("")


def test_raw_chat_is_stored_on_request_without_text(tmp_path: Path) -> None:
    names = ViewerNames(pseudonymous=True, key=b"k" * 32)
    with at_work(tmp_path) as work:
        work.replay.vod_chat.faults.statuses = deque([200] * 10 + [503] * 6)
        work.workers(names=names, keep_raw=True).run()
        assert not work.store.exists(lake.raw_vod_chat("forsen", VOD))
        work.clock[0] += 30
        work.workers(names=names, keep_raw=True).run()
        data = work.store.download_bytes(lake.raw_vod_chat("forsen", VOD))
        records = [json.loads(line) for line in gzip.decompress(data).splitlines()]
        seconds, logins = work.replay.chats.vods[VOD]
        assert [each["content_offset_seconds"] for each in records] == seconds.tolist()
        stored = names.stored(pl.Series(logins, dtype=pl.String)).to_list()
        assert [each["commenter"] and each["commenter"]["name"] for each in records] == stored
        assert b"words" not in gzip.decompress(data)
        assert b"viewer_" not in gzip.decompress(data)
        assert work.queue.rows()[0]["comments"] == 1000


def test_a_sample_needs_the_length_and_reads_a_page_per_minute(tmp_path: Path) -> None:
    with at_work(tmp_path, {VOD: 20_000}) as work:
        source = SampledSource(work.replay.client())
        (outcome,) = work.workers(source=source).run()
        assert outcome.state == State.PENDING
        assert "length" in (outcome.reason or "")
        work.clock[0] += 30
        (outcome,) = work.workers(source=source, known=lambda _: KnownVod(None, 3600)).run()
        assert outcome.figures is not None
        assert outcome.figures.buckets == 60
        assert work.queue.rows()[0]["sampled"] is True
        assert work.replay.vod_chat.requests == 60
        written = work.replay.chats.written(VOD)
        for row in work.presence().iter_rows(named=True):
            assert set(row["chatters"]) <= written[row["offset_s"]]
