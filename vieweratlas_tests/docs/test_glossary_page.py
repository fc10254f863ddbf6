"""docs/glossary.md against the code: every place that it names exists."""

import json
import re

from vieweratlas_assets.domain.schemas import TABLES
from vieweratlas_assets.settings import keys
from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.test_architecture import PACKAGE

PLACES = [
    cells[2]
    for line in (REPOSITORY / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3
]
DEFINITIONS = json.loads((REPOSITORY / "vieweratlas_tests/defs/definitions.json").read_text(encoding="utf-8"))


def named(kind: str) -> set[str]:
    """The names that follow a kind of place, such as "asset", in the last column."""
    lists = (match[1] for place in PLACES for match in re.finditer(rf"\b{kind}s? ((?:`\w+`(?: and )?)+)", place))
    return {name for listed in lists for name in re.findall(r"`(\w+)`", listed)}


def test_tables_columns_and_assets_exist() -> None:
    assert len(PLACES) > 60
    tables = {table.name: set(table.schema) for table in TABLES}
    assert named("table") | (named("table and asset")) <= tables.keys()
    assert named("column") <= set().union(*tables.values())
    assert named("asset") | named("fact of") <= DEFINITIONS["assets"].keys()


def test_modules_and_settings_exist() -> None:
    paths = {path for place in PLACES for path in re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", place)}
    assert [path for path in sorted(paths) if not (PACKAGE / path).exists()] == []
    settings = {key for place in PLACES for key in re.findall(r"`(\w+\.\w+)`", place) if not key.endswith(".json")}
    assert settings <= keys().keys()
