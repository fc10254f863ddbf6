"""Measuring a process: CPU seconds, wall seconds, peak memory.

Belongs here: running commands and the medians of their figures. Not here: which commands (run).
"""

import datetime as dt
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "numba", "scipy", "polars", "pyarrow", "duckdb", "scikit-network", "graspologic-native")


class EngineError(RuntimeError):
    """A measured process failed or was stopped; the message has the end of its output."""


@dataclass(frozen=True)
class Figures:
    """What one process cost, start-up and loading of compiled code included.

    Attributes:
        result: the JSON of its last line.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    result: dict[str, Any]


def measure(module: str, *arguments: str, most_mb: float = math.inf) -> Figures:
    """Run `python -m module arguments` and measure it.

    Args:
        most_mb: the process is stopped once it holds more memory.

    Raises:
        EngineError: the process failed or was stopped.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        stopped = False
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            if _resident_mb(process.pid) > most_mb:
                process.kill()
                stopped = True
            time.sleep(0.05)
        wall, usage = time.monotonic() - started, ended[2]
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        output.seek(0)
        printed = output.read()
    cpu = usage.ru_utime + usage.ru_stime
    if stopped:
        raise EngineError(f"stopped after {cpu:,.0f} CPU-s, as it held more than {most_mb:,.0f} MB")
    if process.returncode != 0:
        raise EngineError(f"{' '.join(command)} ended with {process.returncode}: {printed[-2000:]}")
    return Figures(cpu, wall, usage.ru_maxrss / 1024, json.loads(printed.strip().splitlines()[-1]))


def _resident_mb(process: int) -> float:
    """Memory that a process holds; 0 if it has just ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def interleaved(runs: Mapping[str, Sequence[str]], module: str, *, times: int) -> dict[str, Figures]:
    """Measure several commands in turn, so that other load on the machine affects all of them, and take the medians.

    Raises:
        EngineError: a command failed, or two commands that count edges disagree.
    """
    every: dict[str, list[Figures]] = {name: [] for name in runs}
    for turn in range(times):
        for name, arguments in runs.items():
            every[name].append(measure(module, *arguments))
            last = every[name][-1]
            print(f"{turn + 1}/{times} {name}: {last.cpu_s:.2f} CPU-s, {last.peak_mb:.0f} MB", file=sys.stderr)
    digests = {each.result["digest"] for figures in every.values() for each in figures if "digest" in each.result}
    if len(digests) > 1:
        raise EngineError(f"the ways count different edges: {digests}")
    return {name: _median(figures) for name, figures in every.items()}


def _median(figures: Sequence[Figures]) -> Figures:
    result = dict(figures[0].result)
    if "step_cpu_s" in result:
        result["step_cpu_s"] = statistics.median(each.result["step_cpu_s"] for each in figures)
    return Figures(
        statistics.median(each.cpu_s for each in figures),
        statistics.median(each.wall_s for each in figures),
        statistics.median(each.peak_mb for each in figures),
        result,
    )


def machine() -> dict[str, str]:
    """The machine and the library versions that the figures were measured with."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": f"{model}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def as_json(figures: Mapping[str, Figures]) -> dict[str, dict[str, Any]]:
    """Figures as results.json keeps them."""
    return {name: asdict(each) for name, each in figures.items()}
