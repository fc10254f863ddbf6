"""All settings of ViewerAtlas, typed and checked, from defaults, presets, files and the environment."""

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings.community_names import read_community_names
from vieweratlas_assets.settings.dotted_keys import is_secret, keys, setting_value
from vieweratlas_assets.settings.sections import (
    AnalysisSettings,
    AtlasSettings,
    CollectionSettings,
    EngineSettings,
    PartitionSettings,
    PluginSettings,
    PrivacySettings,
    ScheduleSettings,
    Settings,
    StorageSettings,
    TwitchSettings,
)
from vieweratlas_assets.settings.sources import (
    CONFIG_VARIABLE,
    ENVIRONMENT_PREFIX,
    LEGACY_VARIABLES,
    PRESETS,
    Resolved,
    environment_variable,
    load_config_from_yaml,
    load_settings,
    resolve_settings,
)
from vieweratlas_assets.settings.vod_section import VodSettings

__all__ = [
    "CONFIG_VARIABLE",
    "ENVIRONMENT_PREFIX",
    "LEGACY_VARIABLES",
    "PRESETS",
    "AnalysisSettings",
    "AtlasSettings",
    "CollectionSettings",
    "EngineSettings",
    "PartitionSettings",
    "PluginSettings",
    "PrivacySettings",
    "Resolved",
    "ScheduleSettings",
    "Settings",
    "SettingsError",
    "StorageSettings",
    "TwitchSettings",
    "VodSettings",
    "environment_variable",
    "is_secret",
    "keys",
    "load_config_from_yaml",
    "load_settings",
    "read_community_names",
    "resolve_settings",
    "setting_value",
]
