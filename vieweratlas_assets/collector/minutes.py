"""What a source of chat tells, gathered minute by minute: who wrote, and how much of each minute was observed.

Belongs here: counting messages into the minute in which they were sent, and the seconds of each minute in which each
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
"""Why a part of a minute was not observed: nobody wanted it, as collection or the channel's turn began or ended."""
MOST_SKEW_SAMPLES = 101
LEAST_SKEW_SAMPLES = 11
LEAST_SKEW_S = 2.0
MOST_OFF_S = 600.0
ROWS_AT_ONCE = 250


class _Span(NamedTuple):
    """A time in which a channel was watched (no reason) or not, by our clock, s since 1970."""

    begin: float
    end: float
    reason: str | None


@dataclass(slots=True)
class _Counts:
    """What came of a channel in a minute.

    Attributes:
        logins: of all messages, each behind a line feed: a set of them would take six times the memory.
    """

    logins: bytearray = field(default_factory=bytearray)
    messages: int = 0
    mirrors: int = 0
    bots: int = 0
    unreadable: int = 0

    def numbers(self) -> tuple[int, int, int, int]:
        """All but the logins, in the order of the table."""
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
    """Takes events, and gives the rows of minutes that are over.

    Attributes:
        messages: how many were counted by now; dropped_mirrors, dropped_bots, unreadable_lines: likewise.
        newest_ms: when the newest message was sent, by the server's clock.
    """

    def __init__(
        self,
        origin: str,
        names: ViewerNames,
        bots: Collection[str],
        *,
        most_off_s: float = MOST_OFF_S,
        least_skew_s: float = LEAST_SKEW_S,
    ) -> None:
        """Begin with nothing.

        Args:
            origin: the collector, as its rows name it.
            names: what viewers' names become, and which channels are left out.
            bots: logins, lowercase, whose messages are dropped.
            most_off_s: a message whose time is further from the server's clock is not believed.
            least_skew_s: what the server's clock seems to be off by less than this, messages were on their way.
        """
        self.messages = self.dropped_mirrors = self.dropped_bots = self.unreadable_lines = self.newest_ms = 0
        self._origin, self._names, self._bots = origin, names, frozenset(bots)
        self._most_off_s, self._least_skew_s = most_off_s, least_skew_s
        self._counts: dict[int, dict[str, _Counts]] = defaultdict(lambda: defaultdict(_Counts))
        self._state: dict[str, tuple[str | None, float]] = {}
        self._spans: dict[str, list[_Span]] = defaultdict(list)
        self._skews: deque[float] = deque(maxlen=MOST_SKEW_SAMPLES)
        self._skew_s = 0.0

    @property
    def skew_s(self) -> float:
        """How far the server's clock is ahead of ours; less than least_skew_s is taken to be the way of messages."""
        return self._skew_s

    @property
    def watched(self) -> set[str]:
        """The channels whose minutes are not all closed."""
        return {*self._state, *self._spans}

    def take(self, events: Iterable[ChatEvent], now: float) -> None:
        """Take what a source tells.

        Args:
            now: by our clock, s since 1970.
        """
        sampled = False
        bots, counts = self._bots, self._counts
        earliest_ms, latest_ms = self._believed_ms(now)
        for event in events:
            if isinstance(event, ChatMessage):
                if not sampled:
                    sampled = True
                    self._note_skew(event.sent_ms / 1000 - now)
                    earliest_ms, latest_ms = self._believed_ms(now)
                if not earliest_ms <= event.sent_ms <= latest_ms:
                    self._unreadable(event.channel, now)
                    continue
                found = counts[event.sent_ms // 60_000][event.channel]
                self.newest_ms = max(self.newest_ms, event.sent_ms)
                if event.mirrored:
                    found.mirrors += 1
                    self.dropped_mirrors += 1
                elif event.by_bot or event.login in bots:
                    found.bots += 1
                    self.dropped_bots += 1
                else:
                    found.messages += 1
                    found.logins += b"\n" + event.login.encode()
                    self.messages += 1
            else:
                self._note(event)

    def close(
        self, begin_s: int, end_s: float, proven_until: Callable[[str], float], roster: pl.DataFrame
    ) -> pl.DataFrame:
        """Give the rows of the minutes from begin_s, a whole minute, until end_s, by the server's clock.

        Args:
            proven_until: the last moment, by our clock, at which a watched channel was certainly being read.
            roster: schema CHANNEL_ROSTER; what is known of the channels.

        Returns:
            Schema RAW_SNAPSHOTS: a row for every channel and minute in which it was wanted, and for what came late of
            earlier minutes, with no second of coverage then. Rows of earlier calls and these add up. Lines that name
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
        """Each channel that was wanted in a minute, its seconds of coverage, and why these are not all."""
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
            reasons = sorted(name for name, lacking_s in seconds.items() if name and lacking_s >= 0.5)
            yield channel, coverage_s, "+".join(reasons) if coverage_s < BUCKET_LEN_S and reasons else None

    def _note(self, event: Watched | Unwatched | Released | UnreadableLine) -> None:
        if isinstance(event, UnreadableLine):
            self._unreadable(event.channel, event.at)
            return
        before = self._state.pop(event.channel, None)
        if before is not None:
            self._spans[event.channel].append(_Span(before[1], event.at, before[0]))
        if not isinstance(event, Released):
            self._state[event.channel] = (event.reason if isinstance(event, Unwatched) else None, event.at)

    def _unreadable(self, channel: str, now: float) -> None:
        self.unreadable_lines += 1
        self._counts[int(now + self._skew_s) // BUCKET_LEN_S][channel].unreadable += 1

    def _believed_ms(self, now: float) -> tuple[float, float]:
        of_server = now + self._skew_s
        return (of_server - self._most_off_s) * 1000, (of_server + self._most_off_s) * 1000

    def _note_skew(self, skew_s: float) -> None:
        self._skews.append(skew_s)
        if len(self._skews) < LEAST_SKEW_SAMPLES:
            return
        # Messages are late and never early, so the quickest tell best; the very first may just be wrong.
        quick = sorted(self._skews)[-len(self._skews) // 10]
        told = quick if abs(quick) >= self._least_skew_s else 0.0
        if abs(told - self._skew_s) >= self._least_skew_s:
            self._skew_s = told

    def _as_table(self, rows: Mapping[tuple[int, str], _Row], roster: pl.DataFrame) -> pl.DataFrame:
        keys = sorted(rows, key=lambda at: (at[1], at[0]))
        about = roster.rename({"viewer_count": "concurrent_viewers"}).drop("observed_at", "tags")
        # All at once, 10,000 channels would take 60 MiB more for a moment.
        pieces = [
            self._piece({at: rows[at] for at in keys[begin : begin + ROWS_AT_ONCE]}, about)
            for begin in range(0, len(keys), ROWS_AT_ONCE)
        ]
        return RAW_SNAPSHOTS.conform(pl.concat([RAW_SNAPSHOTS.empty(), *pieces]))

    def _piece(self, rows: Mapping[tuple[int, str], _Row], about: pl.DataFrame) -> pl.DataFrame:
        told = pl.DataFrame(
            [
                (channel, minute * BUCKET_LEN_S, coverage_s, reasons, *counts.numbers())
                for (minute, channel), (coverage_s, reasons, counts) in rows.items()
            ],
            schema=_ROWS,
            orient="row",
        )
        wrote = pl.Series("chatters", [counts.logins.decode() for _, _, counts in rows.values()], dtype=pl.String)
        return (
            self._names.without_opted_out(told.with_columns(self._names.chatters(wrote.str.split("\n"))))
            .join(about, on="channel", how="left", maintain_order="left")
            .with_columns(
                pl.from_epoch("bucket_start", time_unit="s").dt.replace_time_zone("UTC").cast(TIMESTAMP),
                origin=pl.lit(self._origin),
            )
            .select(RAW_SNAPSHOTS.schema.names())
        )
