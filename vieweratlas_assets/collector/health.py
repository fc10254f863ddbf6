"""How a collector is doing, as one line of JSON a minute and as a file that a health check reads.

Belongs here: what is measured, and what is healthy. Not here: who prints it (commands), measuring (collector).
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

HEALTH_FILE = "health.json"
STALE_S = 180.0
MOST_PENDING_S = 900.0


@dataclass(frozen=True)
class Metrics:
    """A collector at one moment.

    Attributes:
        at: s since 1970, by the machine's clock.
        channels_wanted, channels_joined: how many are to be watched, and how many are.
        connections: to the chat, made since the start.
        reconnects: of those, the ones that replaced another.
        messages, dropped_mirrors, dropped_bots, unreadable_lines: since the start.
        messages_per_s: since the metrics before.
        coverage: of the seconds of the channels that were wanted in the minutes closed since then, the share that was
            observed; null where no minute was.
        lag_s: how old the newest message is, by the server's clock; null before the first.
        skew_s: how far the server's clock is ahead.
        closed_until: the last minute that was closed ended then, s since 1970 by the server's clock.
        pending_files: minutes that the lake does not have yet.
        pending_s: age of the oldest of them.
        lost_files: minutes for which nobody had room.
        peak_memory_mib: the most memory that the process has taken.
        cpu_share: of one core, since the metrics before.
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
    """Leave metrics where a health check finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{HEALTH_FILE}"
    fresh.write_text(metrics.line() + "\n", encoding="utf-8")
    fresh.replace(folder / HEALTH_FILE)


def read_health(folder: Path) -> Metrics:
    """What a collector told last.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it holds no metrics.
    """
    path = folder / HEALTH_FILE
    told = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict) or set(told) != {field.name for field in fields(Metrics)}:
        raise ValueError(f"{path} holds no metrics of a collector")
    return Metrics(**told)


def staleness(metrics: Metrics, now: float, *, stale_s: float = STALE_S) -> list[str]:
    """That a collector is gone or hangs, as its metrics are old; nothing where it still tells."""
    return [f"it told nothing for {now - metrics.at:.0f} s"] if now - metrics.at > stale_s else []


def health_problems(metrics: Metrics, now: float, *, stale_s: float = STALE_S) -> list[str]:
    """What is wrong with a collector; nothing where it is healthy.

    Args:
        now: s since 1970.
        stale_s: metrics that are older tell of a collector that is gone or hangs.
    """
    found = staleness(metrics, now, stale_s=stale_s)
    if metrics.channels_wanted and not metrics.channels_joined:
        found.append(f"none of its {metrics.channels_wanted} channels is joined")
    if metrics.pending_s > MOST_PENDING_S:
        waits = f"{metrics.pending_files} file(s), the oldest for {metrics.pending_s:.0f} s"
        found.append(f"the lake has not taken {waits}")
    if metrics.lost_files:
        found.append(f"{metrics.lost_files} file(s) were lost: neither disk nor lake took them")
    return found
