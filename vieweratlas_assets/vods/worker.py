"""From the queue to the lake, one VOD after another.

Belongs here: holding a VOD while it is fetched, writing its presence, recording the outcome in the queue. Not here:
where comments come from (sources), the queue's states (queue).
"""

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from socket import gethostname

import polars as pl

from vieweratlas_assets.clients.vod_chat import VodChatError, VodChatMisconfiguredError, VodGoneError
from vieweratlas_assets.domain import lake
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S, complete_vod_presence
from vieweratlas_assets.domain.presence.vod_minutes import VodMinutes
from vieweratlas_assets.domain.schemas import PRESENCE, VOD_PROGRESS
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import CorruptObjectError, ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.row_groups import EncodedTable
from vieweratlas_assets.vods.database import QueueUnavailableError
from vieweratlas_assets.vods.limits import BudgetSpentError
from vieweratlas_assets.vods.queue import LEASE_S, Claim, Figures, LeaseLostError, QueuedVod, VodQueue, storable
from vieweratlas_assets.vods.raw_chat import raw_chat
from vieweratlas_assets.vods.sources import ChatRequest, VodChatSource
from vieweratlas_assets.vods.tables import State

RENEW_EVERY_S = LEASE_S / 5
SAVE_EVERY_S = 60.0
LOG = logging.getLogger("vieweratlas.vods")


@dataclass(frozen=True)
class KnownVod:
    """What the catalog knows of a VOD; None if unknown."""

    channel_id: str | None = None
    duration_s: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: of the VOD after the attempt; pending if it is tried again later or was returned to the queue.
        figures: of a completed VOD.
        reason: why the VOD is not completed.
    """

    vod: QueuedVod
    attempt: int
    state: State
    figures: Figures | None = None
    reason: str | None = None


class _StoppedError(Exception):
    """The workers were asked to end."""


@dataclass
class VodWorkers:
    """Workers that fetch the VODs of a queue.

    Attributes:
        known: looks a VOD up in the catalog.
        on_outcome: called after each attempt, by one worker at a time.
        keep_raw: also store who wrote when; every attempt then starts from the beginning.
        stop: set it to end the workers; the VODs that they hold return to the queue.
    """

    queue: VodQueue
    source: VodChatSource
    store: ObjectStore
    names: ViewerNames
    known: Callable[[QueuedVod], KnownVod] = lambda _: KnownVod()
    on_outcome: Callable[[Outcome], None] = lambda _: None
    keep_raw: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    renew_every_s: float = RENEW_EVERY_S
    save_every_s: float = SAVE_EVERY_S

    def __post_init__(self) -> None:
        self._reporting = threading.Lock()
        self._broken = threading.Event()
        self._left: int | None = None

    def run(
        self, days: Collection[date] | None = None, *, at_once: int = 1, most: int | None = None
    ) -> list[Outcome]:
        """Fetch due VODs until none is due or `stop` is set.

        Args:
            days: only VODs of these days; None for all.
            at_once: number of VODs that are fetched at a time.
            most: limit of attempts; None for no limit.

        Raises:
            VodChatMisconfiguredError, BudgetSpentError: no further VOD can be fetched; claimed VODs are returned.
            QueueUnavailableError, StorageError: the queue or the lake does not work; claimed VODs are returned.
        """
        outcomes: list[Outcome] = []
        self._left = most
        self._broken.clear()
        with ThreadPoolExecutor(at_once, thread_name_prefix="vod") as pool:
            futures = [pool.submit(self._fetch_vods, days, outcomes) for _ in range(at_once)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._broken.set()
                raise
        return outcomes

    def _is_ending(self) -> bool:
        return self.stop.is_set() or self._broken.is_set()

    def _fetch_vods(self, days: Collection[date] | None, outcomes: list[Outcome]) -> None:
        worker = f"{gethostname()[:40]}:{uuid.uuid4().hex[:12]}"
        try:
            while self._may_begin() and (claim := self.queue.claim(worker, days)) is not None:
                outcome = self._attempt(claim)
                with self._reporting:
                    outcomes.append(outcome)
                    self.on_outcome(outcome)
        except BaseException:
            self._broken.set()
            raise

    def _may_begin(self) -> bool:
        with self._reporting:
            if self._is_ending() or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            return True

    def _attempt(self, claim: Claim) -> Outcome:
        try:
            return self._run_attempt(claim)
        except LeaseLostError as error:
            LOG.warning("%s", error)
            return Outcome(claim.vod, claim.attempt, State.PROCESSING, reason=str(error))

    def _run_attempt(self, claim: Claim) -> Outcome:
        vod = claim.vod
        try:
            if not self.names.keeps_channel(vod.channel):
                raise VodGoneError("the channel opted out")
            with self._renewing_lease(claim) as lost:
                figures = self._fetch(claim, lost)
            self.queue.complete(claim, figures)
            for sampled in (False, True):
                self.store.delete(lake.vod_progress(vod.channel, vod.vod_id, sampled=sampled))
            return Outcome(vod, claim.attempt, State.COMPLETED, figures)
        except LeaseLostError:
            raise
        except QueueUnavailableError:
            # The VOD cannot be returned now; its lease expires.
            raise
        except (VodChatMisconfiguredError, BudgetSpentError, StorageError):
            self._release(claim)
            raise
        except VodGoneError as error:
            self.queue.skip(claim, str(error))
            return Outcome(vod, claim.attempt, State.SKIPPED, reason=str(error))
        except Exception as error:
            if self._is_ending():
                self._release(claim)
                return Outcome(vod, claim.attempt, State.PENDING, reason="stopped")
            expected = isinstance(error, VodChatError)
            reason = storable(str(error) if expected else f"{type(error).__name__}: {error}")
            LOG.warning("VOD %s of %s: %s", vod.vod_id, vod.channel, reason, exc_info=not expected)
            return Outcome(vod, claim.attempt, self.queue.fail(claim, reason), reason=reason)

    def _release(self, claim: Claim) -> None:
        with contextlib.suppress(LeaseLostError):
            self.queue.release(claim)

    @contextlib.contextmanager
    def _renewing_lease(self, claim: Claim) -> Iterator[threading.Event]:
        """Renew the lease in the background while the block runs; the event is set once the lease is lost."""
        lost, done = threading.Event(), threading.Event()

        def renew() -> None:
            while not done.wait(self.renew_every_s):
                try:
                    self.queue.renew(claim)
                except Exception as error:
                    LOG.warning("%s", error, exc_info=not isinstance(error, LeaseLostError | QueueUnavailableError))
                    lost.set()
                    return

        renewer = threading.Thread(target=renew, name="lease", daemon=True)
        renewer.start()
        try:
            yield lost
        finally:
            done.set()
            renewer.join()

    def _fetch(self, claim: Claim, lost: threading.Event) -> Figures:
        began = time.monotonic()
        vod = claim.vod
        known = self.known(vod)
        progress = None if self.keep_raw else self._read_progress(vod)
        start_s = 0 if progress is None else progress["offset_s"].to_list()[-1] + BUCKET_LEN_S
        request = ChatRequest(vod, start_s, known.duration_s, lambda: lost.is_set() or self._is_ending())
        with self.source.chat(request) as chat, raw_chat(self.names) as raw:
            minutes = VodMinutes(chat.chapters)
            if progress is not None:
                minutes.restore(progress)
            last_s, saved = start_s, time.monotonic()
            try:
                for page in chat.pages:
                    if lost.is_set():
                        raise LeaseLostError(f"the lease of VOD {vod.vod_id} of {vod.channel} could not be renewed")
                    if self._is_ending():
                        raise _StoppedError
                    if self.keep_raw:
                        raw.add(page)
                    for comment in page:
                        if comment.offset_s >= start_s:
                            minutes.add(comment.offset_s, comment.login)
                            last_s = max(last_s, comment.offset_s)
                    if time.monotonic() - saved >= self.save_every_s:
                        self._save_progress(vod, minutes, last_s)
                        saved = time.monotonic()
            except (VodChatError, VodChatMisconfiguredError, BudgetSpentError, _StoppedError):
                self._save_progress(vod, minutes, last_s)
                raise
            if self.keep_raw:
                self.store.upload_bytes(lake.raw_vod_chat(vod.channel, vod.vod_id), raw.data())
        return self._write_presence(vod, known, minutes, began)

    def _read_progress(self, vod: QueuedVod) -> pl.DataFrame | None:
        """The minutes that an earlier attempt saved; None if it saved nothing or they cannot be read."""
        try:
            progress = self.store.download_parquet(self._progress_key(vod), VOD_PROGRESS)
        except ObjectNotFoundError:
            return None
        except CorruptObjectError as error:
            LOG.warning("%s; the VOD is fetched from its beginning", error)
            return None
        return None if progress.is_empty() else progress

    def _save_progress(self, vod: QueuedVod, minutes: VodMinutes, last_s: int) -> None:
        """Save the complete minutes, from which a later attempt continues."""
        complete = minutes.before(last_s - last_s % BUCKET_LEN_S)
        if complete.height and self.names.keeps_channel(vod.channel):
            stored = complete.with_columns(self.names.chatters(complete["chatters"]).alias("chatters"))
            self.store.upload_parquet(self._progress_key(vod), stored, VOD_PROGRESS)

    def _progress_key(self, vod: QueuedVod) -> str:
        return lake.vod_progress(vod.channel, vod.vod_id, sampled=self.source.is_sample)

    def _write_presence(self, vod: QueuedVod, known: KnownVod, minutes: VodMinutes, began: float) -> Figures:
        """Write the presence of the whole VOD."""
        constants = {"channel": vod.channel, "content_id": f"vod:{vod.vod_id}", "channel_id": known.channel_id}
        columns = [pl.lit(value, dtype=pl.String).alias(name) for name, value in constants.items()]
        chatters = pl.Series(dtype=pl.String)

        def frames() -> Iterator[pl.DataFrame]:
            nonlocal chatters
            for rows in minutes.frames():
                completed = complete_vod_presence(
                    rows.with_columns(columns), created_at=vod.created_at, names=self.names
                )
                chatters = pl.concat([chatters, completed["chatters"].explode()]).unique().drop_nulls()
                yield completed

        encoded = EncodedTable(PRESENCE, frames())
        self.store.upload_bytes(lake.vod_presence(vod.channel, vod.vod_id), encoded.data)
        seconds = round(time.monotonic() - began, 3)
        return Figures(minutes.comments, encoded.rows, chatters.len(), seconds, self.source.is_sample)
