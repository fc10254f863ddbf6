"""The rooms of the package: imports point down only and form no circle, and the lower rooms load without Dagster."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vieweratlas_assets"
# What each room may import in addition to itself and `errors`, which every room may import.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "domain": set(),
    "settings": set(),
    "clients": set(),
    "storage": {"domain"},
    "collector": {"clients", "domain", "storage"},
    "importers": {"domain", "storage"},
    "sandbox": {"domain", "storage"},
    "vods": {"clients", "domain", "importers", "storage"},
    "steps": {"domain", "settings", "storage"},
    "wiring": {"clients", "collector", "domain", "sandbox", "settings", "storage", "vods"},
    "monitoring": {"collector", "vods"},
    "logs": {"settings", "wiring"},
    "api": {"domain", "importers", "settings", "steps", "storage", "wiring"},
    "defs": {"clients", "collector", "domain", "settings", "steps", "storage", "vods", "wiring"},
    "definitions": {"defs", "logs", "settings"},
    "runs": {"defs", "domain", "settings", "steps", "storage", "wiring"},
    "commands": {
        "clients",
        "collector",
        "defs",
        "domain",
        "importers",
        "logs",
        "monitoring",
        "runs",
        "sandbox",
        "settings",
        "steps",
        "storage",
        "vods",
        "wiring",
    },
    "cli": {"commands", "logs", "settings", "wiring"},
    # A job that a cluster runs alone: it imports nothing of the package, and nothing imports it.
    "spark": set(),
}
WITH_DAGSTER = {"defs", "definitions", "runs", "spark"}
# Planning an analysis takes no Dagster; neither does ending its daemon.
DAGSTER_FREE_MODULES = {"vieweratlas_assets.runs.plan", "vieweratlas_assets.runs.daemon"}
# Modules whose behavior shows only through another module, and the test modules that prove it. All others have a test
# module of the same name.
PROVEN_BY = {
    "clients/chat": "clients/irc/test_shard",
    "collector/wanted": "collector/test_collector",
    "commands/code_server": "containers/test_stack",
    "definitions": "defs/test_build",
    "defs/assets/atlas": "steps/test_graph",
    "defs/assets/channel_audience": "steps/test_audience",
    "defs/assets/continuity": "steps/test_continuity",
    "defs/assets/explorer": "steps/test_days_to_explore",
    "defs/assets/live_presence": "steps/test_live_presence",
    "defs/assets/options": "defs/test_build",
    "defs/checks": "defs/assets/test_products",
    "defs/days": "steps/test_graph",
    "defs/jobs": "defs/test_build",
    "defs/metadata": "defs/assets/test_products",
    "defs/partitions": "defs/test_build",
    "defs/resources": "defs/assets/test_products",
    "defs/schedules": "defs/test_build",
    "defs/spark/door": "defs/spark/test_counting",
    "defs/spark/launching": "defs/spark/test_counting",
    "defs/spark/local": "defs/spark/test_counting",
    "domain/atlas/layout_kernels": "domain/atlas/test_map_layout",
    "domain/overlap/kernels": "domain/overlap/test_counting",
    "domain/presence/kernels": "domain/presence/test_audience",
    "domain/presence/source_bits": "domain/presence/test_audience",
    "sandbox/vocabulary": "sandbox/test_world",
    "storage/errors": "storage/test_objects",
    "vods/migrations/env": "vods/test_tables",
    "vods/migrations/versions/0001_vod_queue": "vods/test_tables",
}
LONGEST_MODULE = 400
MOST_LOOSE_MODULES = 6


def modules() -> list[Path]:
    """Every module that holds code."""
    return sorted(
        path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" and "node_modules" not in path.parts
    )


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def room_of(path: Path) -> str:
    """The room that a module stands in; loose modules are rooms of their own."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    """Dotted names that a module imports, also inside functions; what only type checkers read is left out."""
    names: set[str] = set()
    for node in _executed(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith(f"{PACKAGE.name}.")}


def _executed(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return [each for child in node.orelse for each in _executed(child)]
    return [node, *(each for child in ast.iter_child_nodes(node) for each in _executed(child))]


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other (Tarjan's strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_the_rooms_below(path: Path) -> None:
    room = room_of(path)
    rooms = {name.split(".")[1] for name in imported_names(path)}
    assert rooms - {room, "errors"} <= ALLOWED[room]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_says_what_belongs_in_it_and_stays_readable(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, f"{path} has no docstring"
    assert len(text.splitlines()) <= LONGEST_MODULE


def test_every_module_has_a_test_module_of_its_name_or_names_another() -> None:
    tests = Path(__file__).parent
    without = set()
    for path in modules():
        module = path.relative_to(PACKAGE).with_suffix("")
        if not (tests / module.parent / f"test_{module.name}.py").exists():
            without.add(module.as_posix())
    assert without == PROVEN_BY.keys()
    assert [proof for proof in PROVEN_BY.values() if not (tests / f"{proof}.py").exists()] == []


def test_no_module_imports_itself_in_a_circle() -> None:
    names = {name_of(path) for path in modules()}
    arrows = {name_of(path): (imported_names(path) & names) - {name_of(path)} for path in modules()}
    assert circles(arrows) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_few_modules_are_loose() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_LOOSE_MODULES


def test_only_its_door_is_imported_from_the_spark_room() -> None:
    inside = PACKAGE / "defs" / "spark"
    outside = {path: imported_names(path) for path in modules() if inside not in path.parents}
    spark = {
        name for names in outside.values() for name in names if name.startswith("vieweratlas_assets.defs.spark.")
    }
    assert {name.split(".")[3] for name in spark} == {"door"}
    assert not any(name.startswith("vieweratlas_assets.spark") for names in outside.values() for name in names)


def test_the_lower_rooms_do_not_load_dagster() -> None:
    names = [
        name_of(path)
        for path in modules()
        # Migrations are loaded by Alembic alone.
        if (room_of(path) not in WITH_DAGSTER or name_of(path) in DAGSTER_FREE_MODULES)
        and "migrations" not in path.parts
    ]
    code = f"import sys\nfor name in {names!r}: __import__(name)\nassert 'dagster' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(names) > 30


def test_every_client_of_aws_has_our_timeouts_and_retries() -> None:
    clients = {
        (path.name, line.strip())
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\.(client|resource)\(", line)
    }
    assert {path for path, _ in clients} == {"s3.py", "emr_serverless.py"}
    assert [each for each in clients if "config=client_config()" not in each[1]] == []
