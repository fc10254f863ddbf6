"""What the Dagster UI shows of a partition.

Belongs here: figures, tables and pictures as metadata. Not here: computing them (steps, domain).
"""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from vieweratlas_assets.domain.tables import Table

OWNERS = ["team:vieweratlas"]


def shown(facts: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Figures as metadata: the UI plots numbers over partitions and shows lists and dictionaries as JSON."""
    return {name: _value(value) for name, value in facts.items()}


def _value(value: Any) -> dg.MetadataValue:
    match value:
        case None:
            return dg.MetadataValue.null()
        case bool():
            return dg.MetadataValue.bool(value)
        case int():
            return dg.MetadataValue.int(value)
        case float():
            return dg.MetadataValue.float(value)
        case dict() | list():
            return dg.MetadataValue.json(value)
        case _:
            return dg.MetadataValue.text(str(value))


def picture(png: bytes) -> dg.MetadataValue:
    """A small picture for the UI, under 60 KB: the event log stores one per partition."""
    return dg.MetadataValue.md(f"![map](data:image/png;base64,{base64.b64encode(png).decode()})")


def links(uris: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """Files by name, as links in the UI."""
    return {
        f"open {name}": dg.MetadataValue.url(uri if "://" in uri else Path(uri).absolute().as_uri())
        for name, uri in uris.items()
    }


def column_schemas(tables: Iterable[Table]) -> dict[str, Any]:
    """The columns of an asset's tables: the first table as the asset's own, the others as separate entries."""
    named = {table.name: _column_schema(table) for table in tables}
    return {
        ("dagster/column_schema" if number == 0 else f"columns_of_{name}"): schema
        for number, (name, schema) in enumerate(named.items())
    }


def _column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                str(column.dtype),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )
