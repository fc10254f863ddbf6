import pytest

from vieweratlas_assets.domain.schemas import PRESENCE, TABLES
from vieweratlas_assets.domain.tables import Table

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@every_table
def test_keys_are_columns_that_are_never_null(table: Table) -> None:
    by_name = {column.name: column for column in table.columns}
    assert table.key
    assert [name for name in table.key if name not in by_name or by_name[name].nullable] == []


@every_table
def test_tables_and_columns_are_named_and_described(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert [name for name in names if name != name.lower() or " " in name] == []
    assert table.description.endswith(".")
    assert all(column.description for column in table.columns)


@every_table
def test_an_empty_table_conforms_to_its_own_schema(table: Table) -> None:
    empty = table.empty()
    table.validate(empty)
    assert table.conform(empty).equals(empty)
    assert list(empty.schema) == [column.name for column in table.columns]


def test_table_names_are_unique() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_presence_is_the_canonical_record_of_the_design() -> None:
    assert " ".join(PRESENCE.schema) == (
        "platform source channel channel_id content_id bucket_len_s offset_s bucket_start chatters viewer_count "
        "timestamp game_name language title started_at"
    )
