"""What a step returns: the tables, files and figures of one day.

Belongs here: the result of a day and its verdicts. Not here: sealing it and reporting it to Dagster (defs.days), the
checks that the verdicts belong to (defs.checks).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from vieweratlas_assets.domain.tables import Table
from vieweratlas_assets.settings import AnalysisSettings
from vieweratlas_assets.storage.row_groups import EncodedTable
from vieweratlas_assets.storage.sealed import PartitionRecord


@dataclass(frozen=True)
class Verdict:
    """Whether a day passes a check, and the evidence."""

    passed: bool
    seen: str


@dataclass(frozen=True)
class DayResult:
    """What a step made of one day.

    Attributes:
        tables: frames or encoded tables, by their contract; each is checked, encoded and sealed.
        products: other files of the day's atlas, by name.
        files: files elsewhere in the lake, by key.
        facts: figures, JSON-ready; kept in the partition's record and shown in the UI.
        verdicts: verdicts of the asset's checks, by name; the schema check computes its own.
        pictures: small PNGs for the UI.
        made_from: fingerprint of the inputs, kept in the record.
        kept: the existing partition where it stays as it is; nothing is written.
        unsealed: why nothing is sealed, where there is nothing to seal; facts and verdicts are still reported.
    """

    tables: Mapping[Table, pl.DataFrame | EncodedTable] = field(default_factory=dict)
    products: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    made_from: str = ""
    kept: PartitionRecord | None = None
    unsealed: str = ""


def settings_used(analysis: AnalysisSettings, *names: str) -> dict[str, str | int | float | bool]:
    """Settings by name, JSON-ready, for the record of a partition."""
    return {name: getattr(analysis, name) for name in names}
