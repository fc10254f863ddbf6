"""The house: arrows point down only, and the lower floors load without Dagster."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vieweratlas_assets"
# What each floor may import, besides itself and faults.
ALLOWED = {
    "faults": set(),
    "domain": set(),
    "storage": {"domain"},
    "sandbox": {"domain", "storage"},
    "importers": {"domain", "storage"},
    "clients": set(),
    "collector": {"clients", "domain", "storage"},
    "vods": {"clients", "domain", "importers", "storage"},
    "twitch": {"clients", "domain", "settings"},
    "collecting": {"clients", "collector", "domain", "settings", "storage", "twitch"},
    "cataloguing": {"clients", "domain", "settings", "storage", "twitch", "vods"},
    "fetching": {"clients", "domain", "settings", "storage", "vods"},
    "demo": {"clients", "collector", "domain", "sandbox", "storage", "twitch"},
    "daemon": set(),
    "monitoring": {"collector", "vods"},
    "history": set(),
    "settings": set(),
    "plugins": {"domain", "storage", "settings"},
    "api": {"domain", "importers", "plugins", "privacy", "storage", "settings"},
    "logs": {"settings"},
    "privacy": {"domain", "settings", "storage"},
    "partitions": {"settings"},
    "spark": set(),
    "defs": {
        "cataloguing",
        "clients",
        "collecting",
        "collector",
        "domain",
        "storage",
        "settings",
        "partitions",
        "twitch",
        "vods",
    },
    "build": {"collecting", "defs", "domain", "fetching", "settings", "partitions", "plugins", "privacy", "twitch"},
    "definitions": {"build", "logs", "settings"},
    "terminal": {"domain", "importers", "defs", "storage"},
    "serving": {"domain", "storage"},
    "runs": {"build", "defs", "domain", "partitions", "privacy", "settings", "storage"},
    "commands": {
        "cataloguing",
        "clients",
        "collecting",
        "collector",
        "daemon",
        "demo",
        "fetching",
        "history",
        "runs",
        "partitions",
        "plugins",
        "privacy",
        "terminal",
        "twitch",
        "defs",
        "domain",
        "importers",
        "logs",
        "monitoring",
        "sandbox",
        "serving",
        "settings",
        "storage",
        "vods",
    },
    "cli": {"commands", "history", "logs", "settings", "terminal"},
}
WITHOUT_DAGSTER = (
    "faults",
    "domain",
    "storage",
    "sandbox",
    "importers",
    "cataloguing",
    "clients",
    "collecting",
    "collector",
    "daemon",
    "demo",
    "fetching",
    "twitch",
    "vods",
    "settings",
    "plugins",
    "privacy",
    "api",
    "logs",
    "terminal",
    "commands",
    "cli",
)
LONGEST_MODULE = 400


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_floors(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    own = (name.split(".") for name in names)
    return {parts[1] for parts in own if parts[0] == PACKAGE.name and len(parts) > 1}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_the_floors_below(path: Path) -> None:
    floor = floor_of(path)
    assert imported_floors(path) - {floor, "faults"} <= ALLOWED[floor]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_says_what_belongs_in_it_and_stays_readable(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, f"{path} has no docstring"
    assert len(text.splitlines()) <= LONGEST_MODULE


def test_the_lower_floors_do_not_load_dagster() -> None:
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in modules()
        # Migrations are loaded by Alembic alone.
        if floor_of(path) in WITHOUT_DAGSTER and "migrations" not in path.parts
    ]
    code = f"import sys\nfor name in {names!r}: __import__(name)\nassert 'dagster' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(names) > 30


def test_every_client_of_aws_has_our_timeouts_and_retries() -> None:
    made = {
        (path.name, line.strip())
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\.(client|resource)\(", line)
    }
    assert {path for path, _ in made} == {"s3.py", "spark_emr.py"}
    assert [each for each in made if "config=client_config()" not in each[1]] == []
