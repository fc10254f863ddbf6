"""RESULTS.md and its plot, from results.json.

Belongs here: tables and prose. Not here: measuring (measure, run).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Section = Mapping[str, Any]

LABELS = {
    "decode": "bare decode of the same columns (PyArrow)",
    "engine": "**our engine, straight from rows**",
    "engine, 1 GB": "**our engine, straight from rows**, `memory_limit` 1 GB",
    "runs": "**as our runs do it**: audiences built and stored, then counted",
    "runs, 1 GB": "**as our runs do it**, `memory_limit` 1 GB",
    "polars": "Polars: distinct, self-join, group",
    "duckdb_sql": "DuckDB: one SQL statement",
    "duckdb_scipy": "DuckDB distinct + scipy.sparse",
    "engine_pairs": "**our engine**",
    "scipy": "scipy.sparse product",
    "sets": "Python sets over all pairs of channels",
}


def write(results: Mapping[str, Section], folder: Path) -> None:
    """Write RESULTS.md, and the plot where the growth was measured."""
    pages = {"rows_to_edges": _rows_to_edges, "windows": _windows, "growth": _growth, "large": _large}
    parts = [INTRODUCTION]
    for name, page in pages.items():
        if name in results:
            parts += [page(results), _measured_on(results[name]["machine"])]
    if "collection" in results:
        parts += [_collection(results["collection"]), _measured_on(results["collection"]["machine"])]
    if "vods" in results:
        parts += [_vods(results["vods"]), _measured_on(results["vods"]["machine"])]
    if "atlas" in results:
        parts += [_atlas(results["atlas"]), _measured_on(results["atlas"]["machine"])]
    if "communities" in results:
        parts += [results["communities"]["text"].strip(), _measured_on(results["communities"]["machine"])]
    (folder / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    if "growth" in results:
        _plot(results, folder / "growth.png")


INTRODUCTION = """# Benchmarks

`make bench` (about fifteen minutes) writes this page, and `make bench-large` the part on 10,000 channels. Unless a
table says otherwise, CPU seconds are those of whole processes, including start-up and loading of compiled code; numba
compiles once per machine, which takes about 5 CPU-s more. Figures are medians of interleaved runs. Within a table all
ways give the same edges, compared by digest. The worlds are seeded and made up (`world.py`); their presence is stored
in the lake's own table.

**Two ways of ours.** Dagster's runs and `vieweratlas analyze` first build and store the audience of each day
(distinct pairs with minutes, sources, first and last time, sorted, as Parquet) and then count over the stored
audiences: "as our runs do it". "Straight from rows" measures the engine without audiences: it reads rows, makes pairs
of them (`presence_pairs.py`, which only the benchmarks use), counts, and stops at the edges, as the other ways do."""


def _rows_to_edges(results: Mapping[str, Section]) -> str:
    section = results["rows_to_edges"]
    return "\n\n".join(
        [
            f"## From presence to edges, 1,000 channels\n\n{_world(section['world'])}",
            _table(section["ways"]),
            f"The step alone, from distinct pairs in memory:\n\n{_steps(section['steps'])}",
        ]
    )


def _large(results: Mapping[str, Section]) -> str:
    section = results["large"]
    return "\n\n".join(
        [
            f"## From presence to edges, 10,000 channels\n\n{_world(section['world'])} Viewers of more than 300 "
            "channels are left out; an edge has 10 shared viewers or more.",
            "\n".join([_table(section["ways"]), *map(_attempted, section["attempts"].items())]),
            f"The step alone, from distinct pairs in memory:\n\n{_steps(section['steps'])}",
        ]
    )


def _collection(section: Section) -> str:
    load = section["loads"][len(section["loads"]) // 2]
    sent, stored, parsing, joining = load["sent"], load["stored"], section["parsing"], section["joining"]
    paces = [
        f"| `{name}` | {each['took_s']:.1f} | {each['arithmetic_s']:.1f} | {each['connections']} | "
        f"{each['joins_over_limit']} |"
        for name, each in joining["paces"].items()
    ]
    cores, peaks = ([each[name] for each in section["loads"]] for name in ("cpu_share", "peak_mb"))
    return "\n".join(
        [
            "## Live collection",
            "",
            f"**Parsing a line** ({parsing['lines']:,} lines, {parsing['origin']}): {parsing['ours']:.2f} µs; "
            f"TwitchIO 2.10's parser takes {parsing['twitchio']:.2f} µs, "
            f"**{parsing['twitchio'] / parsing['ours']:.1f} times** as long.",
            "",
            f"**Joining {joining['channels']:,} channels** of a server that silently drops JOINs over its limit per "
            "connection, which is the pace's own:",
            "",
            "| pace | took s | arithmetic s | connections | JOINs over the limit |",
            "|---|---:|---:|---:|---:|",
            *paces,
            "",
            f"**10,000 channels on {sent['connections']} connections**, {sum(_kinds(sent)):,} messages in "
            f"{sent['took_s']:.0f} s by writers drawn from 500,000, without TLS, with the server on the same "
            f"machine. Sent: {sent['counted']:,} to be counted, {sent['mirrors']:,} mirrored by Shared Chat, "
            f"{sent['bots']:,} by bots. In the lake: {stored['messages']:,} counted, {stored['dropped_mirrors']:,} "
            f"and {stored['dropped_bots']:,} dropped by rule, {stored['unreadable_lines']} unreadable: "
            f"**nothing lost**. CPU: **{load['cpu_share']:.1%} of a core** ({min(cores):.1%} to {max(cores):.1%} of "
            f"{len(cores)} runs); peak memory of the whole process **{load['peak_mb']:.0f} MiB** "
            f"({min(peaks):.0f} to {max(peaks):.0f}), Polars' 46 included.",
        ]
    )


def _vods(section: Section) -> str:
    rows = []
    for comments, each in section["sizes"].items():
        ours, whole = each["ours"], each["whole"]
        seconds = [way["result"]["step_cpu_s"] for way in (ours, whole)]
        rows.append(
            f"| {int(comments):,} | {each['size_bytes'] / 1e6:,.0f} | {int(comments) / seconds[0]:,.0f} | "
            f"{int(comments) / seconds[1]:,.0f} | {ours['peak_mb']:.0f} | {whole['peak_mb']:,.0f} |"
        )
    return "\n".join(
        [
            "## The chat of VODs",
            "",
            "From a file of TwitchDownloader to presence in the lake, queue included, compared with `json.load` of "
            "the whole file and nothing else. Comments per CPU second without start-up; memory of the whole process. "
            "The comments span ten hours; each person writes 12 on average.",
            "",
            "| comments | file MB | ours, per second | json.load, per second | ours, peak MB | json.load, peak MB |",
            "|---:|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def _atlas(section: Section) -> str:
    costs, pages = [], []
    blank = ", ".join(f"{each['blank_frame_ms']}" for each in section["sizes"].values())
    for channels, each in section["sizes"].items():
        count = f"{int(channels):,}"
        costs.append(f"| {count} | {each['communities']} | {each['layout_s']} | {each['picture_s']} |")
        ours, theirs = each["explorer"], each["pyvis"]
        pages += [
            f"| {count} | {what} | {ours[name] / unit:,.2f} | {theirs[name] / unit:,.2f} | "
            f"1/{theirs[name] / ours[name]:.1f} |"
            for what, name, unit in (
                ("file, MB", "size_bytes", 1e6),
                ("main thread until ready, s", "load_s", 1),
                ("main thread per frame while the page moves, ms", "frame_ms", 1),
                ("heap, MB", "heap_mb", 1),
            )
        ]
    return "\n".join(
        [
            "## The atlas that people see",
            "",
            "Made-up atlases of 1,000 channels with 15,000 links, 1,600 with 14,000, and 10,000 with 100,000. CPU "
            "seconds of a first day's layout, and of the picture (3200 x 2240).",
            "",
            "| channels | communities | layout, CPU-s | picture, CPU-s |",
            "|---:|---:|---:|---:|",
            *costs,
            "",
            "The explorer compared with a page of PyVis that has all channels and links at the same positions, in "
            "Chromium without a GPU (the product's own PyVis page is capped at 300 channels and 1,500 links). The "
            f"cost of a frame of an empty page is subtracted: {blank} ms.",
            "",
            "| channels | | explorer | PyVis | ratio |",
            "|---:|---|---:|---:|---:|",
            *pages,
        ]
    )


def _kinds(sent: Section) -> tuple[int, int, int]:
    return sent["counted"], sent["mirrors"], sent["bots"]


def _windows(results: Mapping[str, Section]) -> str:
    section = results["windows"]
    lines = ["| window | rows read again, CPU-s | daily audiences, CPU-s | ratio |", "|---|---:|---:|---:|"]
    for days in ("7", "30"):
        rows, audiences = (section[days][way]["cpu_s"] for way in ("rows", "audiences"))
        lines.append(f"| {days} days | {rows:.1f} | {audiences:.1f} | {rows / audiences:.1f} |")
    daily = section["daily"]
    return "\n".join(
        [
            "## Windows, 1,000 channels",
            "",
            "Building the seven audiences (distinct pairs with their minutes, sorted and stored) took "
            f"{daily['cpu_s']:.1f} CPU-s, once. The month repeats the week. A run over several "
            "windows reads each day once.",
            "",
            *lines,
        ]
    )


def _growth(results: Mapping[str, Section]) -> str:
    rows = [
        "| channels | viewers | distinct pairs | chatters listed | CPU-s | peak MB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for world, figures in _sizes(results):
        cells = " | ".join(
            f"{world[name]:,}" for name in ("channels", "viewers", "distinct_pairs", "chatters_listed")
        )
        rows.append(f"| {cells} | {figures['cpu_s']:.1f} | {figures['peak_mb']:,.0f} |")
    return "\n".join(["## Growth", "", "![growth](growth.png)", "", *rows])


def _sizes(results: Mapping[str, Section]) -> list[tuple[Section, Section]]:
    """World and figures of our engine, by size."""
    sizes = [(section["world"], section) for name, section in results["growth"].items() if name != "machine"]
    if "large" in results:
        sizes.append((results["large"]["world"], results["large"]["ways"]["engine"]))
    return sorted(sizes, key=lambda size: size[0]["channels"])


def _world(world: Section) -> str:
    return (
        f"{world['channels']:,} channels, {world['viewers']:,} viewers, {world['distinct_pairs']:,} distinct pairs, "
        f"a week of presence: {world['chatters_listed']:,} chatters in {world['presence_rows']:,} rows, "
        f"{world['parquet_bytes'] / 1e6:,.0f} MB of Parquet."
    )


def _table(ways: Section) -> str:
    engine = ways["engine"]["cpu_s"]
    lines = ["| way | CPU-s | wall s | peak MB | CPU of our engine / of this |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {LABELS[name]} | {each['cpu_s']:.1f} | {each['wall_s']:.1f} | {each['peak_mb']:,.0f} | "
        f"{engine / each['cpu_s']:.2f} |"
        for name, each in ways.items()
    ]
    return "\n".join(lines)


def _attempted(attempt: tuple[str, Section]) -> str:
    """The row of a way that ran once."""
    name, each = attempt
    if "failed" in each:
        return f"| {LABELS[name]} (once) | {each['failed']} | | | |"
    return f"| {LABELS[name]} (once) | {each['cpu_s']:.1f} | {each['wall_s']:.1f} | {each['peak_mb']:,.0f} | |"


def _steps(steps: Section) -> str:
    engine = steps["engine_pairs"]["result"]["step_cpu_s"]
    lines = ["| way | CPU-s | times our engine |", "|---|---:|---:|"]
    for name, each in steps.items():
        seconds = each["result"]["step_cpu_s"]
        lines.append(f"| {LABELS[name]} | {seconds:.2f} | {seconds / engine:.1f} |")
    return "\n".join(lines)


def _measured_on(machine: Section) -> str:
    libraries = [f"{name} {version}" for name, version in machine.items() if name not in ("date", "processor")]
    return f"*{machine['date']}, {machine['processor']}; {', '.join(libraries)}.*"


def _plot(results: Mapping[str, Section], path: Path) -> None:
    """CPU seconds by chatters, both logarithmic, with a proportional line."""
    from matplotlib.figure import Figure

    sizes = _sizes(results)
    chatters = [world["chatters_listed"] for world, _ in sizes]
    seconds = [figures["cpu_s"] for _, figures in sizes]
    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.loglog(chatters, seconds, "o-", label="our engine")
    last = seconds[-1] / chatters[-1]
    axes.loglog(chatters, [last * number for number in chatters], "--", color="gray", label="in proportion")
    for (world, _), x, y in zip(sizes, chatters, seconds, strict=True):
        side = "right" if x == max(chatters) else "left"
        offset = (-8, 4) if side == "right" else (6, -12)
        axes.annotate(f"{world['channels']:,} channels", (x, y), textcoords="offset points", xytext=offset, ha=side)
    axes.set(xlabel="chatters in a week of presence", ylabel="CPU seconds, rows to edges")
    axes.legend()
    figure.savefig(path, metadata={"Software": None})
