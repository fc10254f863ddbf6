"""The code location that `workspace.yaml` names."""

from vieweratlas_assets.build import build_defs

defs = build_defs()
