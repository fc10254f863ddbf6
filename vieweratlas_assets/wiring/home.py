"""DAGSTER_HOME: the folder of this machine that holds Dagster's history, and our queue, spool and log by default.

Belongs here: where it is, and putting our dagster.yaml into it. Not here: what lies in it.
"""

import os
from importlib import resources
from pathlib import Path

HOME_VARIABLE = "DAGSTER_HOME"
DEFAULT_HOME = ".dagster"
INSTANCE_FILE = "dagster.yaml"


def dagster_home() -> Path:
    """The folder that DAGSTER_HOME names, absolute; unset or empty, it is ./.dagster."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


def prepare_home() -> Path:
    """Create the folder, write our dagster.yaml into it where it has none, and set DAGSTER_HOME to it for Dagster."""
    home = dagster_home()
    os.environ[HOME_VARIABLE] = str(home)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / INSTANCE_FILE).exists():
        shipped = resources.files("vieweratlas_assets").joinpath(INSTANCE_FILE)
        (home / INSTANCE_FILE).write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    return home
