"""`make bench`: measure, keep the figures in results.json, and write RESULTS.md from them.

Belongs here: what is compared with what. Not here: the ways (paths), RESULTS.md (report).
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measure import EngineError, Figures, as_json, interleaved, machine, measure
from benchmarks.vods import VOD_ID
from benchmarks.world import DAYS, START
from vieweratlas_assets.domain import lake

HERE = Path(__file__).parent
WAYS = "benchmarks.paths"
LARGE = ("--most-channels", "300", "--min-shared", "10")
ONE_GB = ("--memory-mb", "1024")
# Ways whose memory grows with the joined pairs are stopped above this.
MOST_MB = 14_000
ATLASES = ((1_000, 15_000), (1_600, 14_000), (10_000, 100_000))
"""Channels and links."""
VOD_COMMENTS = (1_000, 30_000, 1_000_000)


def world(name: str, folder: Path) -> tuple[list[str], str, dict[str, int]]:
    """The files of a world's days and of its distinct pairs, and its figures; written unless they exist."""
    folder /= name
    figures, pairs = folder / "world.json", folder / "pairs.npz"
    days = [folder / lake.live_presence(START + dt.timedelta(days=number)) for number in range(DAYS)]
    if not all(path.exists() for path in (figures, pairs, *days)):
        # In another process: a child's peak memory starts at what its parent has ever held.
        subprocess.run([sys.executable, "-m", "benchmarks.world", name, str(folder)], check=True)
    return [str(path) for path in days], str(pairs), json.loads(figures.read_text())


def rows_to_edges(folder: Path, times: int) -> dict[str, Any]:
    """World M: the whole way from rows, and the step from distinct pairs."""
    days, pairs, figures = world("M", folder)
    ways = ("decode", "engine", "runs", "polars", "duckdb_sql", "duckdb_scipy")
    steps = ("engine_pairs", "scipy", "sets")
    return {
        "world": figures,
        "ways": as_json(interleaved({way: (way, *days) for way in ways}, WAYS, times=times)),
        "steps": as_json(interleaved({way: (way, pairs) for way in steps}, WAYS, times=times)),
    }


def windows(folder: Path, times: int) -> dict[str, Any]:
    """World M: windows over the daily audiences and reading the rows again; the week is repeated for a month."""
    days, _, _ = world("M", folder)
    figures: dict[str, Any] = as_json(interleaved({"daily": ("daily", *days)}, WAYS, times=times))
    for length in (7, 30):
        files = (days * 5)[:length]
        runs = {"rows": ("engine", *files), "audiences": ("window", *files)}
        figures[str(length)] = as_json(interleaved(runs, WAYS, times=times))
    return figures


def growth(folder: Path, times: int) -> dict[str, Any]:
    """Our engine at 100 and 1,000 channels; `large` adds 10,000."""
    sizes = {}
    for name in ("S", "M"):
        days, _, figures = world(name, folder)
        run: Mapping[str, Figures] = interleaved({name: ("engine", *days)}, WAYS, times=times)
        sizes[name] = {"world": figures, **as_json(run)[name]}
    return sizes


def large(folder: Path, times: int) -> dict[str, Any]:
    """World L: our ways, and the other ways within a limit of memory."""
    days, pairs, figures = world("L", folder)
    ways = {
        "decode": ("decode", *days),
        "engine": ("engine", *days, *LARGE),
        "engine, 1 GB": ("engine", *days, *LARGE, *ONE_GB),
        "runs": ("runs", *days, *LARGE),
        "runs, 1 GB": ("runs", *days, *LARGE, *ONE_GB),
        "duckdb_scipy": ("duckdb_scipy", *days, *LARGE),
    }
    steps = {way: (way, pairs, *LARGE) for way in ("engine_pairs", "scipy")}
    measured_ways = as_json(interleaved(ways, WAYS, times=times))
    attempts = {way: _attempt(way, *days, *LARGE) for way in ("polars", "duckdb_sql")}
    edges = measured_ways["engine"]["result"]["digest"]
    if others := [way for way, each in attempts.items() if each.get("result", {}).get("digest", edges) != edges]:
        raise EngineError(f"{', '.join(others)} count other edges than ours")
    return {
        "world": figures,
        "ways": measured_ways,
        "attempts": attempts,
        "steps": as_json(interleaved(steps, WAYS, times=times)),
    }


def _attempt(*arguments: str) -> dict[str, Any]:
    """The figures of one run, or the reason why it failed."""
    try:
        return as_json({"it": measure(WAYS, *arguments, most_mb=MOST_MB)})["it"]
    except EngineError as error:
        return {"failed": str(error)}


def communities(folder: Path, times: int) -> dict[str, Any]:
    """How well and how fast communities are detected, in a process of its own with one thread."""
    del times
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "communities.md"
    subprocess.run([sys.executable, "-m", "benchmarks.communities", str(page)], check=True, stdout=subprocess.DEVNULL)
    return {"text": page.read_text(encoding="utf-8")}


def collection(folder: Path, times: int) -> dict[str, Any]:
    """Parsing lines, joining 1,000 channels, and a collector of 10,000 channels at full load."""
    del folder
    loads = [measure("benchmarks.collecting", "10000", "5000", "60").result for _ in range(times)]
    for load in loads:
        sent, stored = load["sent"], load["stored"]
        expected = {"messages": sent["counted"], "dropped_mirrors": sent["mirrors"], "dropped_bots": sent["bots"]}
        if stored != expected | {"unreadable_lines": 0}:
            raise EngineError(f"sent and stored differ: {load}")
    return {
        "parsing": measure("benchmarks.parsing").result,
        "joining": measure("benchmarks.joining", "1000").result,
        "loads": sorted(loads, key=lambda load: load["cpu_share"]),
    }


def vods(folder: Path, times: int) -> dict[str, Any]:
    """A VOD's chat from TwitchDownloader's file to the lake at three sizes, compared with json.load of the file."""
    sizes = {}
    for comments in VOD_COMMENTS:
        path = folder / f"vod_{comments}" / f"{VOD_ID}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = measure("benchmarks.vods", "make", str(path), str(comments)).result["size_bytes"]
        ways = {way: (way, str(path)) for way in ("ours", "whole")}
        sizes[str(comments)] = {"size_bytes": size, **as_json(interleaved(ways, "benchmarks.vods", times=times))}
        path.unlink()
    return {"sizes": sizes}


def atlas(folder: Path, times: int) -> dict[str, Any]:
    """Layout, picture, and the explorer compared with PyVis's page in a browser."""
    del folder, times
    return {
        "sizes": {
            f"{channels}": measure("benchmarks.atlas", *map(str, (channels, links))).result
            for channels, links in ATLASES
        }
    }


SECTIONS = {
    "atlas": atlas,
    "collection": collection,
    "vods": vods,
    "rows_to_edges": rows_to_edges,
    "windows": windows,
    "growth": growth,
    "large": large,
    "communities": communities,
}


def main() -> None:
    """Measure the chosen sections; the others keep their last figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; default: all but large")
    parser.add_argument("--times", type=int, default=3, help="runs of each way, taken in turn")
    parser.add_argument("--worlds", type=Path, default=Path(tempfile.gettempdir()) / "vieweratlas-bench")
    options = parser.parse_args()
    kept_in = HERE / "results.json"
    results: dict[str, Any] = json.loads(kept_in.read_text()) if kept_in.exists() else {}
    for name in options.sections or [name for name in SECTIONS if name != "large"]:
        results[name] = {"machine": machine(), **SECTIONS[name](options.worlds, options.times)}
        kept_in.write_text(json.dumps(results, indent=2) + "\n")
    report.write(results, HERE)


if __name__ == "__main__":
    main()
