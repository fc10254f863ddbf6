"""The code location that `workspace.yaml` names, and the log of the processes that load it."""

from vieweratlas_assets.build import build_defs
from vieweratlas_assets.logs import start_log
from vieweratlas_assets.settings import load_settings

settings = load_settings()
start_log(settings)
defs = build_defs(settings)
