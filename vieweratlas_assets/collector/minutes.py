"""From chat events to rows per channel and minute: who wrote, and how much of the minute was observed.

Belongs here: counting messages in the minute in which they were sent, and the seconds of each minute in which each
channel was watched. Not here: reading chat (clients), files (spool), when a minute is over (collector).
"""

import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from vieweratlas_assets.clients.chat import (
    CONNECTION_SILENT,
    ChatEvent,
    ChatMessage,
    Released,
    UnreadableLine,
    Unwatched,
    Watched,
)
from vieweratlas_assets.domain.presence.names import ViewerNames
from vieweratlas_assets.domain.presence.records import BUCKET_LEN_S
from vieweratlas_assets.domain.schemas import RAW_SNAPSHOTS
from vieweratlas_assets.domain.tables import TIMESTAMP

NOT_WANTED = "not_wanted"
"""Reason of a gap: the channel was wanted only in a part of the minute, for example when collection started."""
MAX_SKEW_SAMPLES = 101
MIN_SKEW_SAMPLES = 11
MIN_SKEW_S = 2.0
MAX_OFF_S = 600.0
ROWS_PER_PIECE = 250


class _Span(NamedTuple):
    """A span in which a channel was watched (reason None) or not, by our clock, s since 1970."""

    begin: float
    end: float
    reason: str | None


@dataclass(slots=True)
class _Counts:
    """Counts of one channel and minute.

    Attributes:
        logins: the writer of each message, after a line feed; a set of them would take six times the memory.
    """

    logins: bytearray = field(default_factory=bytearray)
    messages: int = 0
    mirrors: int = 0
    bots: int = 0
    unreadable: int = 0

    def numbers(self) -> tuple[int, int, int, int]:
        """All counts except the logins, in the order of the table."""
        return self.messages, self.mirrors, self.bots, self.unreadable


_NO_COUNTS = _Counts()

_Row = tuple[int | None, str | None, _Counts]
_ROWS = pl.Schema(
    {
        "channel": pl.String(),
        "bucket_start": pl.Int64(),
        "coverage_s": pl.Int32(),
        "gap_reasons": pl.String(),
        "messages": pl.Int32(),
        "dropped_mirrors": pl.Int32(),
        "dropped_bots": pl.Int32(),
        "unreadable_lines": pl.Int32(),
    }
)


class MinuteBook:
    """Takes events, and returns the rows of minutes that are over.

    Attributes:
        messages, dropped_mirrors, dropped_bots, unreadable_lines: counts since the start.
        newest_ms: when the newest message was sent, by the server's clock.
    """

    def __init__(
        self,
        origin: str,
        names: ViewerNames,
        bots: Collection[str],
        *,
        max_off_s: float = MAX_OFF_S,
        min_skew_s: float = MIN_SKEW_S,
    ) -> None:
        """Start with an empty book.

        Args:
            origin: name of the collector, for its rows.
            names: pseudonyms of viewers, and channels and viewers to leave out.
            bots: lowercase logins whose messages are dropped.
            max_off_s: a message counts as unreadable if its time is further from the server's clock.
            min_skew_s: a smaller skew is ignored, as it is the time that messages take to arrive.
        """
        self.messages = self.dropped_mirrors = self.dropped_bots = self.unreadable_lines = self.newest_ms = 0
        self._origin, self._names, self._bots = origin, names, frozenset(bots)
        self._max_off_s, self._min_skew_s = max_off_s, min_skew_s
        self._counts: dict[int, dict[str, _Counts]] = defaultdict(lambda: defaultdict(_Counts))
        self._state: dict[str, tuple[str | None, float]] = {}
        self._spans: dict[str, list[_Span]] = defaultdict(list)
        self._skews: deque[float] = deque(maxlen=MAX_SKEW_SAMPLES)
        self._skew_s = 0.0

    @property
    def skew_s(self) -> float:
        """How far the server's clock is ahead of ours; 0 if the difference is less than min_skew_s."""
        return self._skew_s

    @property
    def watched(self) -> set[str]:
        """The channels with minutes that are not closed."""
        return {*self._state, *self._spans}

    def take(self, events: Iterable[ChatEvent], now: float) -> None:
        """Count events.

        Args:
            now: by our clock, s since 1970.
        """
        is_sampled = False
        bots, counts = self._bots, self._counts
        earliest_ms, latest_ms = self._believed_ms(now)
        for event in events:
            if isinstance(event, ChatMessage):
                if not is_sampled:
                    is_sampled = True
                    self._add_skew_sample(event.sent_ms / 1000 - now)
                    earliest_ms, latest_ms = self._believed_ms(now)
                if not earliest_ms <= event.sent_ms <= latest_ms:
                    self._unreadable(event.channel, now)
                    continue
                count = counts[event.sent_ms // 60_000][event.channel]
                self.newest_ms = max(self.newest_ms, event.sent_ms)
                if event.mirrored:
                    count.mirrors += 1
                    self.dropped_mirrors += 1
                elif event.by_bot or event.login in bots:
                    count.bots += 1
                    self.dropped_bots += 1
                else:
                    count.messages += 1
                    count.logins += b"\n" + event.login.encode()
                    self.messages += 1
            else:
                self._set_state(event)

    def close(
        self, begin_s: int, end_s: float, proven_until: Callable[[str], float], roster: pl.DataFrame
    ) -> pl.DataFrame:
        """Return the rows of the minutes from begin_s, a whole minute, until end_s, by the server's clock.

        Args:
            proven_until: the last moment, by our clock, at which a watched channel was certainly read.
            roster: schema CHANNEL_ROSTER; adds stream, game and viewers to the rows.

        Returns:
            Schema RAW_SNAPSHOTS: one row per channel and minute in which the channel was wanted. Late messages of
            earlier minutes get a row with 0 s of coverage; it and the row of an earlier call add up. Lines that name
            no channel are counted for the channel "", whose coverage is null.
        """
        minutes = range(begin_s // BUCKET_LEN_S, math.ceil(end_s / BUCKET_LEN_S))
        rows: dict[tuple[int, str], _Row] = {
            (minute, channel): (coverage_s, reasons, _NO_COUNTS)
            for minute in minutes
            for channel, coverage_s, reasons in self._coverage(minute, end_s, proven_until)
        }
        for minute in sorted(each for each in self._counts if each * BUCKET_LEN_S < end_s):
            for channel, counts in self._counts.pop(minute).items():
                coverage_s, reasons, _ = rows.get((minute, channel), (0 if channel else None, None, None))
                rows[minute, channel] = (coverage_s, reasons, counts)
        for channel, spans in list(self._spans.items()):
            self._spans[channel] = [span for span in spans if span.end > end_s - self._skew_s]
            if not self._spans[channel]:
                del self._spans[channel]
        return self._as_table(rows, roster)

    def _coverage(
        self, minute: int, stop_s: float, proven_until: Callable[[str], float]
    ) -> Iterator[tuple[str, int, str | None]]:
        """For each channel that was wanted in a minute: its seconds of coverage, and the reasons of its gaps."""
        begin = minute * BUCKET_LEN_S - self._skew_s
        end, stop = begin + BUCKET_LEN_S, stop_s - self._skew_s
        for channel in {**self._state, **self._spans}:
            spans = self._spans.get(channel, ())
            reason, since = self._state.get(channel, (None, math.inf))
            proven = max(proven_until(channel), since) if reason is None else math.inf
            if not spans and reason is None and since <= begin and end <= min(stop, proven):
                yield channel, BUCKET_LEN_S, None
                continue
            latest = [_Span(since, min(stop, proven), reason), _Span(proven, stop, CONNECTION_SILENT)]
            seconds: dict[str | None, float] = defaultdict(float)
            for span in (*spans, *latest):
                seconds[span.reason] += max(0.0, min(span.end, end) - max(span.begin, begin))
            if not any(seconds.values()):
                continue
            seconds[NOT_WANTED] = BUCKET_LEN_S - sum(seconds.values())
            coverage_s = round(seconds.pop(None, 0.0))
            reasons = sorted(name for name, missing_s in seconds.items() if name and missing_s >= 0.5)
            yield channel, coverage_s, "+".join(reasons) if coverage_s < BUCKET_LEN_S and reasons else None

    def _set_state(self, event: Watched | Unwatched | Released | UnreadableLine) -> None:
        if isinstance(event, UnreadableLine):
            self._unreadable(event.channel, event.at)
            return
        previous = self._state.pop(event.channel, None)
        if previous is not None:
            self._spans[event.channel].append(_Span(previous[1], event.at, previous[0]))
        if not isinstance(event, Released):
            self._state[event.channel] = (event.reason if isinstance(event, Unwatched) else None, event.at)

    def _unreadable(self, channel: str, now: float) -> None:
        self.unreadable_lines += 1
        self._counts[int(now + self._skew_s) // BUCKET_LEN_S][channel].unreadable += 1

    def _believed_ms(self, now: float) -> tuple[float, float]:
        server_now = now + self._skew_s
        return (server_now - self._max_off_s) * 1000, (server_now + self._max_off_s) * 1000

    def _add_skew_sample(self, sample_s: float) -> None:
        self._skews.append(sample_s)
        if len(self._skews) < MIN_SKEW_SAMPLES:
            return
        # Messages come late, never early: the fastest show the skew best. The very fastest may have a wrong time.
        fast_s = sorted(self._skews)[-len(self._skews) // 10]
        skew_s = fast_s if abs(fast_s) >= self._min_skew_s else 0.0
        if abs(skew_s - self._skew_s) >= self._min_skew_s:
            self._skew_s = skew_s

    def _as_table(self, rows: Mapping[tuple[int, str], _Row], roster: pl.DataFrame) -> pl.DataFrame:
        keys = sorted(rows, key=lambda key: (key[1], key[0]))
        streams = roster.rename({"viewer_count": "concurrent_viewers"}).drop("observed_at", "tags")
        # In one piece, 10,000 channels would briefly take 60 MiB more.
        pieces = [
            self._piece({key: rows[key] for key in keys[begin : begin + ROWS_PER_PIECE]}, streams)
            for begin in range(0, len(keys), ROWS_PER_PIECE)
        ]
        return RAW_SNAPSHOTS.conform(pl.concat([RAW_SNAPSHOTS.empty(), *pieces]))

    def _piece(self, rows: Mapping[tuple[int, str], _Row], streams: pl.DataFrame) -> pl.DataFrame:
        counted = pl.DataFrame(
            [
                (channel, minute * BUCKET_LEN_S, coverage_s, reasons, *counts.numbers())
                for (minute, channel), (coverage_s, reasons, counts) in rows.items()
            ],
            schema=_ROWS,
            orient="row",
        )
        logins = pl.Series("chatters", [counts.logins.decode() for _, _, counts in rows.values()], dtype=pl.String)
        return (
            self._names.without_opted_out(counted.with_columns(self._names.chatters(logins.str.split("\n"))))
            .join(streams, on="channel", how="left", maintain_order="left")
            .with_columns(
                pl.from_epoch("bucket_start", time_unit="s").dt.replace_time_zone("UTC").cast(TIMESTAMP),
                origin=pl.lit(self._origin),
            )
            .select(RAW_SNAPSHOTS.schema.names())
        )
