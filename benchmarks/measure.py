"""Measuring a process: CPU seconds, wall seconds, peak memory.

Belongs here: running commands and the medians of their figures. Not here: which commands (run).
"""

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "numba", "scipy", "polars", "pyarrow", "duckdb", "scikit-network", "graspologic-native")


class WayFailed(RuntimeError):
    """A measured process did not end well; the message has its last words."""


@dataclass(frozen=True)
class Figures:
    """What one process cost, start-up and compilation included.

    Attributes:
        result: what it printed last, as JSON.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    result: dict[str, Any]


def measured(module: str, *arguments: str) -> Figures:
    """Run `python -m module arguments` and measure it with all that it starts.

    Raises:
        WayFailed: it failed.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise WayFailed(f"{' '.join(command)} ended with {process.returncode}: {said[-2000:]}")
    return Figures(
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=time.monotonic() - started,
        peak_mb=usage.ru_maxrss / 1024,
        result=json.loads(said.strip().splitlines()[-1]),
    )


def interleaved(runs: Mapping[str, Sequence[str]], module: str, *, times: int) -> dict[str, Figures]:
    """Measure several commands in turn, so that what else the machine does falls on all, and take the medians.

    Raises:
        WayFailed: one failed, or two that name edges disagree about them.
    """
    every: dict[str, list[Figures]] = {name: [] for name in runs}
    for turn in range(times):
        for name, arguments in runs.items():
            every[name].append(measured(module, *arguments))
            last = every[name][-1]
            print(f"{turn + 1}/{times} {name}: {last.cpu_s:.2f} CPU-s, {last.peak_mb:.0f} MB", file=sys.stderr)
    digests = {each.result["digest"] for figures in every.values() for each in figures if "digest" in each.result}
    if len(digests) > 1:
        raise WayFailed(f"the ways disagree: {digests}")
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
    """What the figures are measured on, and with."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": f"{model}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def as_json(figures: Mapping[str, Figures]) -> dict[str, Any]:
    """Figures as they are kept."""
    return {name: asdict(each) for name, each in figures.items()}
