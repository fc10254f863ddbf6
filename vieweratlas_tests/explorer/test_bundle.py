"""The explorer's script is what its sources make."""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "vieweratlas_assets/web"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_shipped_bundle_is_what_the_sources_make(tmp_path: Path) -> None:
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules", "explorer.js"))
    for command in (("ci", "--ignore-scripts", "--no-audit", "--no-fund"), ("run", "build")):
        ran = subprocess.run(["npm", *command], cwd=copy, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (copy / "explorer.js").read_bytes() == (WEB / "explorer.js").read_bytes(), "run `npm run build` in web"
