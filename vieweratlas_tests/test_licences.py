"""What the product needs to run may be used by anybody: no GPL and its kin outside optional extras."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCK = Path(__file__).parents[1] / "requirements.lock"
PERMISSIVE = re.compile(r"\b(MIT|BSD|Apache|ISC|ISCL|PSF|Python Software Foundation|Zlib|0BSD|CC0)\b", re.IGNORECASE)
# Reciprocal by file only: certificates (certifi) and progress bars (tqdm), both used as they are.
BY_FILE = {"certifi", "tqdm"}
RECIPROCAL = re.compile(r"GPL|Affero|General Public|Mozilla|MPL|EUPL|CDDL|SSPL|Commons Clause", re.IGNORECASE)


def locked() -> list[str]:
    lines = (line.removesuffix(" \\") for line in LOCK.read_text().splitlines() if "==" in line and line[0] != " ")
    needed = [Requirement(line) for line in lines]
    return [each.name for each in needed if each.marker is None or each.marker.evaluate()]


def license_of(name: str) -> str:
    told = metadata.metadata(name)
    classifiers = [each for each in told.get_all("Classifier") or [] if each.startswith("License")]
    expression = told.get("License-Expression") or ", ".join(classifiers)
    # Some put the whole text there, which speaks of other licenses too.
    return expression or (told.get("License") or "").partition("\n")[0]


@pytest.mark.parametrize("name", locked())
def test_a_dependency_carries_a_permissive_license(name: str) -> None:
    license = license_of(name)
    assert PERMISSIVE.search(license) or name in BY_FILE, f"{name}: {license!r}"
    assert not RECIPROCAL.search(license) or name in BY_FILE, f"{name}: {license!r}"


@pytest.mark.parametrize("name", ["igraph", "leidenalg"])
def test_gpl_libraries_are_not_among_them(name: str) -> None:
    assert name not in locked()
