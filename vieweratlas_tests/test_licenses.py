"""Everybody may use what the product needs to run: no GPL or similar licenses outside optional extras."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCK = Path(__file__).parents[1] / "requirements.lock"
PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|ISC|ISCL|PSF|Python Software Foundation|Zlib|0BSD|CC0)\b", re.IGNORECASE)
# Reciprocal only per file: certificates (certifi) and progress bars (tqdm), both used unchanged.
BY_FILE = {"certifi", "tqdm"}
RECIPROCAL = re.compile(r"GPL|Affero|General Public|Mozilla|MPL|EUPL|CDDL|SSPL|Commons Clause", re.IGNORECASE)


def locked() -> list[str]:
    lines = (line.removesuffix(" \\") for line in LOCK.read_text().splitlines() if "==" in line and line[0] != " ")
    requirements = [Requirement(line) for line in lines]
    return [each.name for each in requirements if each.marker is None or each.marker.evaluate()]


def read_license(name: str) -> str:
    fields = metadata.metadata(name)
    expressions: list[str] = fields.get_all("License-Expression") or []
    classifiers: list[str] = [each for each in fields.get_all("Classifier") or [] if each.startswith("License")]
    # Some put the whole text into License, which names other licenses too.
    texts: list[str] = [text.partition("\n")[0] for text in fields.get_all("License") or []]
    return ", ".join(expressions or classifiers or texts)


@pytest.mark.parametrize("name", locked())
def test_a_dependency_has_a_permissive_license(name: str) -> None:
    license = read_license(name)
    assert PERMISSIVE.search(license) or name in BY_FILE, f"{name}: {license!r}"
    assert not RECIPROCAL.search(license) or name in BY_FILE, f"{name}: {license!r}"


@pytest.mark.parametrize("name", ["igraph", "leidenalg"])
def test_libraries_under_the_gpl_are_not_required(name: str) -> None:
    assert name not in locked()
