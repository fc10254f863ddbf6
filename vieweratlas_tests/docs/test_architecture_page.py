"""ARCHITECTURE.md against the code: its rooms and arrows, the modules it names, and who reads the environment."""

import ast
import re
from pathlib import Path

from vieweratlas_tests.conftest import REPOSITORY
from vieweratlas_tests.test_architecture import ALLOWED, PACKAGE, modules

PAGE = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
_ROOM = re.compile(r"^  (?P<room>\w+)(?:/|\.py) +.*?(?:─► ?(?P<arrows>[\w ]*))?$")
# Modules that hand the environment on to a process that they start, without reading a variable.
PASS_ON = {"runs/daemon.py"}
VARIABLES = {"environ", "getenv"}


def rooms_of_page() -> dict[str, set[str]]:
    """The rooms of the page's list, from top to bottom, with what each may import."""
    [listed] = re.findall(r"^```\nvieweratlas_assets/\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    rooms: dict[str, set[str]] = {}
    room = ""
    for line in listed.splitlines():
        head = _ROOM.match(line)
        if head:
            room = head["room"]
            rooms[room] = set((head["arrows"] or "").split())
        else:
            # A line that continues the room above: its arrows stand in the last column.
            rooms[room] |= set(line[73:].split())
    return rooms


def test_the_page_has_every_room_and_arrow() -> None:
    rooms = rooms_of_page()
    # TypeScript, which imports no Python.
    assert rooms.pop("web") == set()
    assert rooms == ALLOWED


def test_a_room_imports_only_from_lower_floors() -> None:
    [figure] = re.findall(r"^The floors.*?^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    floors = [re.findall(r"\w+", line.strip().partition("  ")[0]) for line in figure.splitlines() if "▼" not in line]
    floor_of = {room: number for number, rooms in enumerate(floors) for room in rooms}
    # A cluster runs spark alone: it has no floor.
    assert floor_of.keys() == ALLOWED.keys() - {"spark"}
    for room, floor in floor_of.items():
        for below in ALLOWED[room] | {"errors"} - {room}:
            assert floor_of[below] > floor, (room, below)


def test_every_module_of_the_page_exists() -> None:
    dotted = re.findall(r"`(?:vieweratlas_assets\.)?((?:[a-z_]+\.)+(?!py`)[A-Za-z_]+)`", PAGE)
    paths = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", PAGE)
    named = [*(name.replace(".", "/") for name in dotted if name.partition(".")[0] in ALLOWED), *paths]
    assert len(named) > 20
    assert [name for name in named if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a path is a module, a folder or a file of the project, or an attribute of such a module."""
    for place in (PACKAGE, REPOSITORY):
        path = place / name
        if path.exists() or path.with_suffix(".py").exists():
            return True
        module = path.parent.with_suffix(".py")
        if module.exists():
            return re.search(rf"^(def|class) {path.name}\b", module.read_text(), re.MULTILINE) is not None
    return False


def test_the_page_names_every_module_that_reads_the_environment() -> None:
    readers = {path.relative_to(PACKAGE).as_posix() for path in modules() if reads_environment(path)}
    listed = PAGE.partition("Settings come from")[2].partition("\n- ")[0]
    assert set(re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", listed)) == readers | PASS_ON


def reads_environment(path: Path) -> bool:
    """Whether a module reads an environment variable; assigning one, or passing all of them on, does not count."""
    tree = ast.parse(path.read_text())
    assigned = {
        id(target.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript)
    }
    passed_on = {id(node.left) for node in ast.walk(tree) if isinstance(node, ast.BinOp)}
    environment = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in VARIABLES]
    return any(id(node) not in assigned | passed_on for node in environment)
