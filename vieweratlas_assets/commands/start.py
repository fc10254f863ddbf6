"""How a command starts: its settings, its plug-ins and its log.

Belongs here: how options of the command line become settings. Not here: the other layers (settings), the handlers
(logs), what a plug-in is (wiring.plugins).
"""

from vieweratlas_assets.logs import start_log
from vieweratlas_assets.settings import Resolved, Settings, resolve_settings
from vieweratlas_assets.wiring.plugins import load_plugins


def resolve(root: str | None, config: str | None = None) -> Resolved:
    """The settings of a command, with origins.

    Args:
        root: the option --root.
        config: a preset or YAML file given to the command, instead of VIEWERATLAS_CONFIG.
    """
    overrides = {} if root is None else {"root": root}
    return resolve_settings(config, overrides=overrides, overrides_from="option --root")


def without_copies(settings: Settings) -> Settings:
    """The same settings without output_dir, for a command that copies products itself or needs no copies."""
    return settings.model_copy(update={"storage": settings.storage.model_copy(update={"output_dir": None})})


def start(root: str | None, config: str | None = None) -> Settings:
    """Read the settings of a command, load its plug-ins and start its log.

    Raises:
        SettingsError: the settings are unknown or impossible, or a plug-in cannot be used.
    """
    settings = resolve(root, config).settings
    load_plugins(settings)
    start_log(settings)
    return settings
