"""The metrics of a collector: one line of JSON per minute, and the file that a health check reads.

Belongs here: which metrics exist, and which values are unhealthy. Not here: measuring them (collector), printing them
(commands).
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

HEALTH_FILE = "health.json"
STALE_S = 180.0
MAX_PENDING_S = 900.0


@dataclass(frozen=True)
class Metrics:
    """The state of a collector at one moment.

    Attributes:
        at: s since 1970, by the machine's clock.
        channels_wanted, channels_joined: channels to watch, and those that are read now.
        connections: connections to the chat since the start, including failed ones.
        reconnects: those that replaced another connection.
        messages, dropped_mirrors, dropped_bots, unreadable_lines: since the start.
        messages_per_s: since the previous metrics; includes dropped messages.
        coverage: the share of seconds that was observed, over all wanted channels and the minutes closed since the
            previous metrics; null if no minute was closed.
        lag_s: age of the newest message, by the server's clock; null before the first message.
        skew_s: how far the server's clock is ahead of the machine's.
        closed_until: end of the last closed minute, s since 1970 by the server's clock.
        pending_files: files that the lake does not have yet.
        pending_s: age of the oldest of them.
        lost_files: files that neither disk nor lake took and that no longer fit in memory.
        peak_memory_mib: the highest memory use of the process.
        cpu_share: of one core, since the previous metrics.
    """

    at: float
    channels_wanted: int
    channels_joined: int
    connections: int
    reconnects: int
    messages: int
    dropped_mirrors: int
    dropped_bots: int
    unreadable_lines: int
    messages_per_s: float
    coverage: float | None
    lag_s: float | None
    skew_s: float
    closed_until: int
    pending_files: int
    pending_s: float
    lost_files: int
    peak_memory_mib: float
    cpu_share: float

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


def write_health(folder: Path, metrics: Metrics) -> None:
    """Write metrics to the file that a health check reads."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{HEALTH_FILE}"
    temporary.write_text(metrics.line() + "\n", encoding="utf-8")
    temporary.replace(folder / HEALTH_FILE)


def read_health(folder: Path) -> Metrics:
    """Read the last metrics of a collector.

    Raises:
        OSError: the file does not exist, or cannot be read.
        ValueError: it does not contain metrics.
    """
    path = folder / HEALTH_FILE
    metrics = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(metrics, dict) or set(metrics) != {field.name for field in fields(Metrics)}:
        raise ValueError(f"{path} does not contain the metrics of a collector")
    return Metrics(**metrics)


def staleness(metrics: Metrics, now: float, *, stale_s: float = STALE_S) -> list[str]:
    """A text that names the age of the metrics, if a collector has stopped or hangs; otherwise nothing.

    Args:
        now: s since 1970.
        stale_s: the collector has stopped or hangs if its metrics are older.
    """
    age_s = now - metrics.at
    return [f"no metrics for {age_s:.0f} s"] if age_s > stale_s else []


def health_problems(metrics: Metrics, now: float, *, stale_s: float = STALE_S) -> list[str]:
    """One text per problem of a collector; nothing if it is healthy.

    Args:
        now: s since 1970.
        stale_s: as in `staleness`.
    """
    problems = staleness(metrics, now, stale_s=stale_s)
    if metrics.channels_wanted and not metrics.channels_joined:
        problems.append(f"0 of {metrics.channels_wanted} channels joined")
    if metrics.pending_s > MAX_PENDING_S:
        problems.append(
            f"{metrics.pending_files} file(s) not uploaded to the lake, the oldest for {metrics.pending_s:.0f} s"
        )
    if metrics.lost_files:
        problems.append(f"{metrics.lost_files} file(s) lost: neither disk nor lake took them")
    return problems
