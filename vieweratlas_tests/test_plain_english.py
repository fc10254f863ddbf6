"""Plain American English: the words that this project no longer writes (docs/naming.md), in code and pages.

Looks at identifiers, comments, docstrings, texts with a space in them (messages, help, descriptions) and pages. Names
that are stored in a lake, or belong to somebody else, are in STORED.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Columns, keys and facts of existing lakes: renaming them would make older lakes unreadable.
STORED = {"colour", "colours", "went_on_from", "made_from", "earlier_history"}
# Words of others: functions of libraries, and titles that are quoted.
FOREIGN = {"cancelled", "CancelledError", "serialise"}

BRITISH = (
    r"\w*(?:colour|neighbour|behaviour|favour|catalogue|analyse|visualis|normalis|materialis|recognis|organis(?!m)"
    r"|initialis|optimis(?!t)|maximis|minimis|serialis|summaris|artefact|programme(?!r|d)|licence|whilst|grey)\w*"
    r"|\w*(?:cancelled|labelled|labelling|travelled)\w*|centres?|centred|towards"
)
DIALECT = (
    r"told|tells?|telling|anew|bears?|whoever|beside|in vain|be it|(?:is|are) none|(?:goes|go|went|gone) on from"
    r"|as things stand|mak(?:es?|ing) do|do(?:es)? without|so (?:many|long|much)"
    r"|(?:it|that|which|this) is no(?= [a-z])"
    r"|(?:one|once|twice|rows?|files?|requests?|messages?|bytes|times|\d[\d,.]*(?: ?k?[MG]?B| m?s)?) an?"
    r" (?=(?:VOD|minute|second|day|hour|channel|line|pair|person|year|month|week|viewer|row)\b)"
)
WORDS = re.compile(rf"\b(?:{BRITISH}|{DIALECT})\b", re.IGNORECASE)
IN_NAMES = re.compile(
    rf"^(?:{BRITISH}|told|tells?|telling|anew|bears?|whoever|beside)$",
    re.IGNORECASE,
)
# As names of variables they say nothing about what they hold.
EMPTY_NAMES = {"found", "made", "told"}
PYTHON = sorted(
    path
    for folder in ("vieweratlas_assets", "vieweratlas_tests", "benchmarks", "docs", "deploy")
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts and path != Path(__file__)
)
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "deploy/**/*.md",
        "Makefile",
        "*.toml",
        "deploy/**/*.tf",
    )
    for path in ROOT.glob(pattern)
    if path.name not in ("naming.md", "LICENSE")
)


def problems_in_text(text: str) -> Iterator[str]:
    """The words of a text that we no longer write."""
    for match in WORDS.finditer(text):
        if match[0] not in STORED | FOREIGN:
            yield match[0]


def problems_in_name(name: str) -> Iterator[str]:
    """The parts of an identifier that we no longer write."""
    if name in STORED | FOREIGN:
        return
    for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name):
        if IN_NAMES.match(part):
            yield name


def problems_in_python(source: str, *, is_product: bool) -> Iterator[str]:
    """Where a module writes words that we no longer write, as `line: word`."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            yield from (f"{line}: {word}" for word in problems_in_text(token.string))
        elif token.type == tokenize.NAME:
            yield from (f"{line}: {word}" for word in problems_in_name(token.string))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from (f"{node.lineno}: {word}" for word in problems_in_text(node.value))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and is_product and node.id in EMPTY_NAMES:
            yield f"{node.lineno}: variable {node.id}"


def problems_in_page(page: str) -> Iterator[str]:
    """Where a page writes words that we no longer write, outside code, as `line: word`."""
    is_code = False
    for number, line in enumerate(page.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            prose = re.sub(r"`[^`]*`|\]\([^)]*\)", " ", line)
            yield from (f"{number}: {word}" for word in problems_in_text(prose))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_written_in_plain_english(path: Path) -> None:
    is_product = path.is_relative_to(ROOT / "vieweratlas_assets")
    assert list(problems_in_python(path.read_text(encoding="utf-8"), is_product=is_product)) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_is_written_in_plain_english(path: Path) -> None:
    assert list(problems_in_page(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "def made_anew(): ...",
        '"""A file that is none."""',
        "# whoever comes next",
        'x = "it is no ISO 8601 time"',
        'x = "one row a channel"',
        'x = "20 a second"',
        "neighbours = 1",
        "found = 1",
    ],
)
def test_the_dialect_is_noticed(source: str) -> None:
    assert list(problems_in_python(source, is_product=True)) != []


def test_a_page_is_read_without_its_code() -> None:
    page = "Rows are `told`.\n```\ntold\n```\nA day is made anew.\n"
    assert list(problems_in_page(page)) == ["5: anew"]
