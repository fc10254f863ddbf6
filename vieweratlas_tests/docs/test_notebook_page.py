"""The code of docs/notebook.md, run as one script on a lake."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vieweratlas_assets.domain.lake import CHANNEL_AUDIENCE
from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.pages import blocks
from vieweratlas_tests.sandbox.worlds import write_world

SPEC = WorldSpec(channels=72, viewers=2000, days=3)
LAST = SPEC.dates[-1]


def above_the_footer(png: bytes) -> npt.NDArray[np.uint8]:
    """The pixels of a picture without its footer, which names the sources of the lake."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)[:-70]


@pytest.mark.slow
def test_the_page_draws_the_atlas_of_the_command_without_dagster(tmp_path: Path) -> None:
    command = Command(tmp_path)
    settings = {"VIEWERATLAS_ANALYSIS__OVERLAP_THRESHOLD": "2", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "3"}
    store = LocalStore(command.root)
    write_world(store, build_world(SPEC))
    # One day alone: later days would continue it.
    command.run("analyze", "--date", str(LAST), **settings)
    code = "\n".join(blocks("notebook.md", "python"))
    check = "\nimport sys\nassert 'dagster' not in sys.modules\n"
    before = store.list_objects()

    def run_page() -> npt.NDArray[np.uint8]:
        (tmp_path / "map.png").unlink(missing_ok=True)
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", code + check],
            cwd=tmp_path,
            env=command.environment(PYTHONPATH=os.environ.get("PYTHONPATH", "")),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert "communities, modularity" in ran.stdout
        assert "Chess" in ran.stdout
        return above_the_footer((tmp_path / "map.png").read_bytes())

    expected = above_the_footer(store.download_bytes(f"atlas/date={LAST}/community_graph.png"))
    assert (run_page() == expected).all()
    assert store.list_objects() == before
    # Without audiences the presence itself is reduced.
    for key in store.list_files(CHANNEL_AUDIENCE):
        store.delete(key)
    assert (run_page() == expected).all()
