"""Write tables.json (for Terraform) and tables.sql (for Athena by hand) anew.

Run `PYTHONPATH=. python deploy/aws/athena/tables.py` after a table has changed;
vieweratlas_tests/deploy/test_athena.py fails where they are out of date.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from vieweratlas_assets.domain import lake, schemas
from vieweratlas_assets.domain.tables import Table

FOLDER = Path(__file__).parent
DATABASE = "vieweratlas"
# Days and hours are computed, never listed: no crawler, no MSCK REPAIR TABLE.
DAY = {
    "projection.enabled": "true",
    "projection.day.type": "date",
    "projection.day.format": "yyyy-MM-dd",
    "projection.day.range": "2018-01-01,NOW",
    "projection.day.interval": "1",
    "projection.day.interval.unit": "DAYS",
}
HOUR = {"projection.hour.type": "integer", "projection.hour.range": "0,23", "projection.hour.digits": "2"}
PARTITIONS: dict[str, dict[str, Any]] = {
    "day": {"partitions": [{"name": "day", "type": "string"}], "projection": DAY, "template": "date=${day}/"},
    "hour": {
        "partitions": [{"name": "day", "type": "string"}, {"name": "hour", "type": "int"}],
        "projection": DAY | HOUR,
        "template": "date=${day}/hour=${hour}/",
    },
    # Channel and VOD stand in the rows too: the folders below are read as they are.
    "none": {"partitions": [], "projection": {}, "template": ""},
}
TABLES = (
    ("presence_live", schemas.PRESENCE, lake.LIVE_PRESENCE, "day"),
    ("presence_vod", schemas.PRESENCE, lake.VOD_PRESENCE, "none"),
    ("channel_roster", schemas.CHANNEL_ROSTER, lake.CHANNEL_ROSTER, "hour"),
    ("vod_catalog", schemas.VOD_CATALOG, lake.VOD_CATALOG, "day"),
    ("channel_audience", schemas.CHANNEL_AUDIENCE, lake.CHANNEL_AUDIENCE, "day"),
    ("channel_activity", schemas.CHANNEL_ACTIVITY, lake.CHANNEL_ACTIVITY, "day"),
    *(
        (table.name, table, f"{lake.CURATED}/{table.name}", "day")
        for table in (
            schemas.GRAPH_NODES,
            schemas.GRAPH_EDGES,
            schemas.COMMUNITIES,
            schemas.COMMUNITY_TAGS,
            schemas.COMMUNITY_HISTORY,
        )
    ),
)
TYPES: dict[Any, str] = {
    pl.String: "string",
    pl.Int32: "int",
    pl.Int64: "bigint",
    pl.Float64: "double",
    pl.Date: "date",
    pl.List(pl.String): "array<string>",
    pl.Datetime("us", "UTC"): "timestamp",
}
HEAD = """-- Tables of the lake for Athena, where Terraform did not make them. Written by tables.py; do not edit.
-- Put your lake in place of s3://LAKE/, such as s3://bucket/lake/.
"""


def described(table: Table, folder: str, partitions: str) -> dict[str, Any]:
    """What Glue needs to know of a table; paths are relative to the lake."""
    columns = [
        {"name": column.name, "type": TYPES[column.dtype], "comment": column.description} for column in table.columns
    ]
    return {"description": table.description, "folder": f"{folder}/", "columns": columns, **PARTITIONS[partitions]}


def create_statement(name: str, table: Mapping[str, Any]) -> str:
    """The same in Athena's DDL."""
    columns = ",\n".join(
        f"  `{column['name']}` {column['type']} COMMENT {_quoted(column['comment'])}" for column in table["columns"]
    )
    partitioned = ", ".join(f"`{column['name']}` {column['type']}" for column in table["partitions"])
    lines = [f"CREATE EXTERNAL TABLE IF NOT EXISTS `{DATABASE}`.`{name}` (\n{columns}\n)"]
    lines += [f"COMMENT {_quoted(table['description'])}"]
    lines += [f"PARTITIONED BY ({partitioned})"] if partitioned else []
    lines += ["STORED AS PARQUET", f"LOCATION 's3://LAKE/{table['folder']}'"]
    properties = dict(table["projection"])
    if table["template"]:
        properties["storage.location.template"] = f"s3://LAKE/{table['folder']}{table['template']}"
        told = ",\n".join(f"  '{key}' = '{value}'" for key, value in properties.items())
        lines += [f"TBLPROPERTIES (\n{told}\n)"]
    return "\n".join(lines) + ";\n"


def _quoted(text: str) -> str:
    # Hive and Trino disagree about how to escape one.
    return "'" + text.replace("'", "’") + "'"


def files() -> dict[str, str]:
    """Both files, by name."""
    tables = {name: described(table, folder, partitions) for name, table, folder, partitions in TABLES}
    create = [f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`;\n", *map(create_statement, tables, tables.values())]
    return {
        "tables.json": json.dumps(tables, indent=2) + "\n",
        "tables.sql": HEAD + "\n" + "\n".join(create),
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
