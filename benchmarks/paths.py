"""The measured ways from presence to edges, each in its own process: `python -m benchmarks.paths NAME …`.

Belongs here: one function per way; all give the same edges. Not here: measuring (measure), worlds (world).
"""

import argparse
import datetime as dt
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from vieweratlas_assets.domain.overlap.counting import Overlap
    from vieweratlas_assets.domain.overlap.pairs import WindowPairs

# Each way imports the libraries that it needs: what a process loads is part of its cost.


class Options(argparse.Namespace):
    """The input and the limits of a way.

    Attributes:
        files: presence of each day, or the distinct pairs (see `pairs_file`).
        min_shared: smallest count of an edge.
        most_channels: viewers of more channels are left out; 0 = no viewer is.
        memory_mb: memory limit of our engine.
        step_cpu_s: CPU seconds of the step, for the ways that start from distinct pairs.
    """

    files: list[Path]
    min_shared: int
    most_channels: int
    memory_mb: int
    step_cpu_s: float | None = None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time a step without start-up, loading and compilation."""
        started = time.process_time()
        yield
        self.step_cpu_s = time.process_time() - started


def _row_groups(path: Path) -> Iterator["pl.DataFrame"]:
    import polars as pl
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    rows = pl.scan_parquet(path, hive_partitioning=False).select("channel", "chatters")
    begin = 0
    for number in range(metadata.num_row_groups):
        height = metadata.row_group(number).num_rows
        yield rows.slice(begin, height).collect()
        begin += height


def decode(options: Options) -> None:
    """Only decode the columns that every way needs."""
    import pyarrow.parquet as pq

    for path in options.files:
        file = pq.ParquetFile(path)
        for number in range(file.num_row_groups):
            file.read_row_group(number, columns=["channel", "chatters"], use_threads=False)


def engine(options: Options) -> "pl.DataFrame":
    """Our engine, straight from rows."""
    from benchmarks.presence_pairs import code_presence
    from vieweratlas_assets.domain.overlap.pairs import WindowPairs

    with WindowPairs(_third(options)) as window:
        for number, path in enumerate(options.files):
            window.add(_day(number), (code_presence(rows, window.codes) for rows in _row_groups(path)))
        return _counted(window, options).shared


def daily(options: Options) -> None:
    """Our daily audiences, as the asset builds them: read a few channels at a time, filtered, stored as Parquet."""
    from vieweratlas_assets.domain import lake
    from vieweratlas_assets.domain.presence.filters import AudienceFilters
    from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
    from vieweratlas_assets.storage import row_groups
    from vieweratlas_assets.storage.day_files import find_day
    from vieweratlas_assets.storage.day_presence import read_audience
    from vieweratlas_assets.storage.local import LocalStore

    encoded = partial(row_groups.EncodedTable, CHANNEL_AUDIENCE)
    for path in options.files:
        day = dt.date.fromisoformat(path.parent.name.removeprefix("date="))
        root = Path(str(path).removesuffix(lake.live_presence(day)))
        store = LocalStore(root)
        built, _ = read_audience(store, find_day(store, day), AudienceFilters(), encoded)
        audience_file(path).write_bytes(built.audience.data)


def window(options: Options) -> "pl.DataFrame":
    """Our engine, from the daily audiences."""
    from vieweratlas_assets.domain.overlap.pairs import WindowPairs, code_audience
    from vieweratlas_assets.domain.schemas import CHANNEL_AUDIENCE
    from vieweratlas_assets.storage import row_groups

    columns = ("channel", "viewer")
    with WindowPairs(_third(options)) as pairs:
        for number, path in enumerate(options.files):
            data = audience_file(path).read_bytes()
            groups = row_groups.decode_row_groups(data, CHANNEL_AUDIENCE, columns, uri=str(path))
            pairs.add(_day(number), (code_audience(group, pairs.codes) for group in groups))
        return _counted(pairs, options).shared


def runs(options: Options) -> "pl.DataFrame":
    """What a run of ours does: build and store the audience of every day, then count over the audiences."""
    daily(options)
    return window(options)


def polars(options: Options) -> "pl.DataFrame":
    """Polars alone: distinct pairs, joined with themselves."""
    import polars as pl

    pairs = (
        pl.scan_parquet(options.files, hive_partitioning=False)
        .select("channel", pl.col("chatters").alias("viewer"))
        .explode("viewer")
        .unique()
    )
    if options.most_channels:
        pairs = pairs.filter(pl.len().over("viewer") <= options.most_channels)
    joined = pairs.join(pairs, on="viewer", suffix="_b").filter(pl.col("channel") < pl.col("channel_b"))
    return (
        joined.group_by(channel_a="channel", channel_b="channel_b")
        .agg(shared_viewers=pl.len().cast(pl.Int64))
        .filter(pl.col("shared_viewers") >= options.min_shared)
        .collect(engine="streaming")
    )


_DISTINCT = """
    select distinct channel, unnest(chatters) as viewer from read_parquet($files, hive_partitioning = false)
"""


def duckdb_sql(options: Options) -> "pl.DataFrame":
    """DuckDB alone, in one statement."""
    import polars as pl

    edges = _duckdb().execute(
        f"""
        with every as ({_DISTINCT}),
        pairs as (
            select * from every
            qualify $most = 0 or count(*) over (partition by viewer) <= $most
        )
        select a.channel as channel_a, b.channel as channel_b, count(*)::bigint as shared_viewers
        from pairs a join pairs b on a.viewer = b.viewer and a.channel < b.channel
        group by all having count(*) >= $shared
        """,
        {"files": [str(path) for path in options.files], "shared": options.min_shared, "most": options.most_channels},
    )
    return cast(pl.DataFrame, pl.from_arrow(edges.to_arrow_table()))


def duckdb_scipy(options: Options) -> "pl.DataFrame":
    """Distinct pairs as numbers by DuckDB, the product by scipy.sparse."""
    import polars as pl

    connection = _duckdb()
    connection.execute(f"create table pairs as {_DISTINCT}", {"files": [str(path) for path in options.files]})
    code = "row_number() over (order by channel) - 1 as code"
    connection.execute(f"create table c as select channel, {code} from pairs group by channel")
    code = "row_number() over () - 1 as code, count(*) as n"
    connection.execute(f"create table v as select viewer, {code} from pairs group by viewer")
    pairs = connection.execute(
        "select v.code as viewer, c.code as channel from pairs join v using (viewer) join c using (channel) "
        "where $most = 0 or n <= $most",
        {"most": options.most_channels},
    ).fetchnumpy()
    channels = pl.Series(connection.execute("select channel from c order by code").fetchnumpy()["channel"])
    return _named(channels, *_product(pairs["viewer"], pairs["channel"], channels.len(), options.min_shared))


def _duckdb() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect()
    connection.execute("set threads = 2")
    return connection


def sets(options: Options) -> "pl.DataFrame":
    """From distinct pairs: Python sets over all pairs of channels."""
    import polars as pl

    viewers, channels = _pairs(options)
    logins = channel_names(np.unique(channels))
    with options.step():
        audiences = [set(part.tolist()) for part in np.split(viewers, np.flatnonzero(np.diff(channels)) + 1)]
        counted = (
            (a, b, len(left & right))
            for (a, left), (b, right) in itertools.combinations(zip(logins, audiences, strict=True), 2)
        )
        rows = [row for row in counted if row[2] >= options.min_shared]
    return pl.DataFrame(rows, schema=["channel_a", "channel_b", "shared_viewers"], orient="row")


def scipy(options: Options) -> "pl.DataFrame":
    """From distinct pairs: the sparse product, building the matrix included."""
    import polars as pl
    from scipy import sparse  # noqa: F401 (loaded before the step is timed)

    viewers, channels = _pairs(options)
    size = int(channels.max()) + 1
    with options.step():
        counted = _product(viewers, channels, size, options.min_shared)
    return _named(pl.Series(channel_names(np.arange(size))), *counted)


def engine_pairs(options: Options) -> "pl.DataFrame":
    """From distinct pairs: our engine, sorting into parts and grouping included."""
    viewers, channels = _pairs(options)
    _from_pairs(viewers[:1], channels[:1], options)  # loads the compiled code
    with options.step():
        return _from_pairs(viewers, channels, options)


def _from_pairs(viewers: np.ndarray, channels: np.ndarray, options: Options) -> "pl.DataFrame":
    from vieweratlas_assets.domain.overlap.pairs import CodedPairs, WindowPairs

    with WindowPairs(_third(options)) as window:
        ends = np.append(np.flatnonzero(np.diff(channels)) + 1, channels.size)
        codes = window.codes.code(channel_names(channels[ends - 1]))
        # Spread over 64 bits, as digests of names are.
        names = viewers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        window.add(_day(0), [CodedPairs(names, ends, codes)])
        return _counted(window, options).shared


def _product(
    viewers: np.ndarray, channels: np.ndarray, size: int, min_shared: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy import sparse

    ones = np.ones(viewers.size, np.int32)
    matrix = sparse.csr_array((ones, (channels, viewers)), shape=(size, int(viewers.max()) + 1))
    product = sparse.triu(matrix @ matrix.T, k=1).tocoo()
    keep = product.data >= min_shared
    return product.coords[0][keep], product.coords[1][keep], product.data[keep]


def _named(channels: "pl.Series", left: np.ndarray, right: np.ndarray, counts: np.ndarray) -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(
        {
            "channel_a": channels.gather(left),
            "channel_b": channels.gather(right),
            "shared_viewers": counts.astype(np.int64),
        }
    )


def channel_names(codes: np.ndarray) -> list[str]:
    """Names in the order of the codes."""
    return [f"c{code:06d}" for code in codes.tolist()]


def audience_file(presence: Path) -> Path:
    """The file in which `daily` stores the audience of a day."""
    return presence.with_name("audience.parquet")


def _pairs(options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Viewer and channel numbers, sorted by channel, without the viewers of too many channels."""
    held = np.load(options.files[0])
    viewers, channels = held["viewer"], held["channel"]
    if options.most_channels:
        kept = np.bincount(viewers)[viewers] <= options.most_channels
        viewers, channels = viewers[kept], channels[kept]
    return viewers, channels


def _third(options: Options) -> int:
    return options.memory_mb * 2**20 // 3


def _day(number: int) -> dt.date:
    return dt.date(2026, 1, 1) + dt.timedelta(days=number)


def _counted(window: "WindowPairs", options: Options) -> "Overlap":
    from vieweratlas_assets.domain.overlap.counting import count_overlap

    return count_overlap(
        window,
        min_shared=options.min_shared,
        max_channels_per_viewer=options.most_channels or None,
        memory_bytes=_third(options),
    )


WAYS = (decode, engine, daily, window, runs, polars, duckdb_sql, duckdb_scipy, sets, scipy, engine_pairs)


def main() -> None:
    """Run one way and print the number of its edges and their digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[way.__name__ for way in WAYS])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--min-shared", type=int, default=1)
    parser.add_argument("--most-channels", type=int, default=0)
    parser.add_argument("--memory-mb", type=int, default=2048)
    options = parser.parse_args(namespace=Options())
    edges = {way.__name__: way for way in WAYS}[options.way](options)
    result: dict[str, float | str] = {} if options.step_cpu_s is None else {"step_cpu_s": options.step_cpu_s}
    if edges is not None:
        ordered = edges.sort("channel_a", "channel_b").hash_rows(seed=0).to_numpy()
        result |= {"edges": edges.height, "digest": hashlib.sha256(ordered.tobytes()).hexdigest()[:16]}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
