"""Parsing tagged lines: our parser and the one of TwitchIO 2.10, the last TwitchIO that reads IRC.

Belongs here: both parsers in turn over the same lines, in one process. Not here: RESULTS.md (report).
"""

import datetime as dt
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from vieweratlas_assets.clients.irc.lines import parse_line
from vieweratlas_assets.sandbox.feed import WorldFeed
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec

REAL_LINES = "irc/twitch_tagged_lines.txt"
LINES = 1_000
TURNS = 60
WHEEL = "twitchio==2.10.0"


def twitchio_parser(folder: Path) -> Callable[[str, str], object]:
    """The function of TwitchIO 2.10 that parses a line, from its wheel, because TwitchIO 3 is installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", WHEEL]
    subprocess.run([*command, "--dest", str(folder)], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("twitchio-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        path = Path(opened.extract("twitchio/parse.py", folder))
    spec = importlib.util.spec_from_file_location("twitchio_2_10_parse", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parser: Callable[[str, str], object] = module.parser
    return parser


def lines() -> tuple[str, list[bytes]]:
    """The origin of the lines, and the lines: real ones if the shared data is there, else the sandbox's."""
    real = Path(os.environ.get("SHARED_DATA", "../shared/data")) / REAL_LINES
    if real.exists():
        return "real ones of 2022", [line.rstrip(b"\r") for line in real.read_bytes().split(b"\n") if line.strip()]
    evening = dt.datetime(2026, 10, 6, 19, tzinfo=dt.UTC)
    feed = WorldFeed(build_world(WorldSpec()))
    messages = islice(feed.between(evening, evening + dt.timedelta(hours=1)), LINES)
    return "of the sandbox", [message.line.encode() for message in messages]


def main() -> None:
    """Print the best microseconds per line of each parser, as JSON."""
    origin, raw = lines()
    with tempfile.TemporaryDirectory() as folder:
        theirs = twitchio_parser(Path(folder))
    texts = [line.decode("utf-8", "replace") for line in raw]
    ours = [line.decode("latin-1") for line in raw]
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: [parse_line(line, 0) for line in ours],
        "twitchio": lambda: [theirs(line, "reader") for line in texts],
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - began)
    print(json.dumps({"lines": len(raw), "origin": origin} | {name: 1e6 * s / len(raw) for name, s in best.items()}))


if __name__ == "__main__":
    main()
