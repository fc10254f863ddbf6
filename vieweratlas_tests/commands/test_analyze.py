"""`analyze` with nothing to do ends without loading Dagster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import sys
from vieweratlas_assets.cli import main
sys.argv = ["vieweratlas", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"dagster", "matplotlib", "numba", "scipy"}
    print("LOADED", sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 1, "has no presence: import some first"),
        (("--date", "2026-03-10"), 1, "no presence in the lake"),
        (("--from", "2026-03-10", "--to", "2026-03-01"), 1, "the range ends before it begins"),
        (("--outdated",), 0, "No day of the atlas is out of date"),
        (("--outdated", "--force"), 2, "--outdated finds the days itself"),
        (("--from", "2026-03-10"), 2, "give --date, or --from and --to, or neither"),
        (("rigorus",), 1, "rigorus"),
    ],
)
def test_an_analysis_with_nothing_to_do_loads_no_dagster(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "VIEWERATLAS_ROOT": str(tmp_path / "lake")}
    ran = subprocess.run(
        [sys.executable, "-c", REPORT, "analyze", *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert message in (ran.stdout + ran.stderr).replace("\n", " ")
    assert "LOADED []" in ran.stdout
