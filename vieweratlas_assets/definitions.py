"""The code location that `workspace.yaml` names, and the log of the processes that load it."""

from vieweratlas_assets.defs.build import build_defs
from vieweratlas_assets.logs import start_log
from vieweratlas_assets.settings import load_settings

settings = load_settings()
# A log that cannot be kept must not take the code location down.
start_log(settings, needs_file=False)
defs = build_defs(settings)
