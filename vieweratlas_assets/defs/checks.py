"""Asset checks: their specs, generated from the table contract where possible, and their results.

Belongs here: names, severity, and folding the verdicts of many days into one result per run.
Not here: the figures that are judged (steps, domain).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from vieweratlas_assets.domain.tables import SchemaError, Table
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.steps.results import Verdict
from vieweratlas_assets.storage.sealed import PartitionRecord, SealedPartitions


@dataclass(frozen=True)
class Check:
    """A check of an asset.

    Attributes:
        blocking: a failure stops what follows; a check that does not block only warns.
    """

    name: str
    description: str
    blocking: bool = False

    def spec(self, asset: str) -> dg.AssetCheckSpec:
        """The check as Dagster knows it."""
        return dg.AssetCheckSpec(self.name, asset=asset, description=self.description, blocking=self.blocking)


def schema_check(tables: Iterable[Table]) -> Check:
    """The check that the stored tables of an asset keep to their contract."""
    names = ", ".join(table.name for table in tables)
    return Check("schema", f"Columns and types of {names}, read back from the lake, are those of the contract.", True)


def schema_verdict(sealed: SealedPartitions, record: PartitionRecord, tables: Iterable[Table]) -> Verdict:
    """Read the tables of a partition back and compare them with their contract."""
    rows = []
    for table in tables:
        try:
            height = _checked_rows(sealed, record, table)
        except (StorageError, SchemaError) as error:
            return Verdict(False, str(error))
        rows.append(f"{table.name}: {height} rows")
    return Verdict(True, "; ".join(rows))


def _checked_rows(sealed: SealedPartitions, record: PartitionRecord, table: Table) -> int:
    """The rows of a table that keeps to its contract; piece by piece where its order shows that no key repeats."""
    if not table.order:
        return table.validate_pieces(sealed.row_groups(record, table, table.schema.names()))
    frame = sealed.table(record, table)
    table.validate(frame)
    return frame.height


def results(checks: Iterable[Check], verdicts: Mapping[dt.date, Mapping[str, Verdict]]) -> list[dg.AssetCheckResult]:
    """One result per check over all days of a run; it passes when every day does."""
    return [_result(check, verdicts) for check in checks]


def _result(check: Check, verdicts: Mapping[dt.date, Mapping[str, Verdict]]) -> dg.AssetCheckResult:
    seen = {day: of_day[check.name] for day, of_day in verdicts.items() if check.name in of_day}
    failed = {day: verdict for day, verdict in seen.items() if not verdict.passed}
    shown = failed or seen
    metadata = {str(day): dg.MetadataValue.text(verdict.seen) for day, verdict in sorted(shown.items())[-20:]}
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
        description=f"{len(seen) - len(failed)} of {len(seen)} day(s) pass" if seen else "no day to judge",
        metadata=metadata,
    )
