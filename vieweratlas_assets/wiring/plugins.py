"""Plug-ins: stores, community detectors and visualizers that users bring, by setting or by entry point.

Belongs here: finding them, loading them, refusing unusable ones. Not here: what each must be (storage.objects,
domain.communities.own_detectors, domain.atlas.visualizers), the assets of visualizers (defs).

A setting `plugins.<kind>` maps names to package.module:attribute; an installed package lists them in the entry-point
group `vieweratlas.<kind>`. At the start, the plug-ins that settings name are loaded and checked, and so are the store
of the root, the detector of analysis.algorithm and, where assets are built, every visualizer. Other entry points are
loaded only when they are called, so that an unused package can break nothing.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal

from vieweratlas_assets.errors import SettingsError
from vieweratlas_assets.settings import Settings
from vieweratlas_assets.settings.values import PLUGIN_NAME, PLUGIN_NAME_RULE

# Imported only where a plug-in of the kind exists: commands start without Polars and networkx.
if TYPE_CHECKING:
    import numpy as np

    from vieweratlas_assets.domain.atlas.visualizers import Visualizer
    from vieweratlas_assets.domain.communities.detectors import CommunityDetector, WeightedGraph
    from vieweratlas_assets.storage.objects import ObjectStore
    from vieweratlas_assets.storage.opening import StoreOpener

Kind = Literal["storage_backends", "community_detectors", "visualizers"]
GROUP = "vieweratlas."

# The last registrations, so that other settings in the same process can replace them.
_registered: dict[tuple[Kind, str], Any] = {}


@dataclass(frozen=True)
class Plugin:
    """Something that a user brings.

    Attributes:
        target: package.module:attribute.
        origin: the setting or the entry point that names it, for messages.
        set_here: whether a setting names it.
    """

    kind: Kind
    name: str
    target: str
    origin: str
    set_here: bool

    def load(self) -> Any:
        """Import it, and wrap it in the form in which we call it.

        Raises:
            SettingsError: it cannot be imported, or is not of its kind.
        """
        imported = self._imported()
        try:
            return _FORMS[self.kind](self.name, imported)
        except Exception as error:
            raise SettingsError(f"{self.origin} = {self.target} cannot be used: {error}") from error

    def _imported(self) -> Any:
        module, _, attribute = self.target.partition(":")
        try:
            target: Any = importlib.import_module(module)
        except Exception as error:
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            raise SettingsError(
                f"{self.origin} = {self.target} cannot be imported: {kind}{error}; install its package, or put its "
                "folder on PYTHONPATH"
            ) from error
        for part in attribute.split("."):
            if not hasattr(target, part):
                raise SettingsError(
                    f"{self.origin} = {self.target}: {getattr(target, '__name__', module)} has no {part!r}; write "
                    "package.module:attribute"
                )
            target = getattr(target, part)
        return target


def load_plugins(settings: Settings) -> None:
    """Register the stores and detectors of the settings and of installed packages, and check those in use.

    Called again in the same process, the new settings win over earlier ones.

    Raises:
        SettingsError: a plug-in cannot be imported, is not of its kind, or its name is taken; lists every fault.
    """
    faults: list[str] = []
    scheme, separator, _ = settings.root.partition("://")
    in_use = {
        "storage_backends": scheme.lower() if separator else "",
        "community_detectors": settings.analysis.algorithm,
    }
    stores = _listed("storage_backends", settings, faults)
    detectors = _listed("community_detectors", settings, faults)
    visualizers = _listed("visualizers", settings, faults)
    for plugin in stores:
        _collect(faults, _register_store, plugin)
    for plugin in detectors:
        _collect(faults, _register_detector, plugin)
    for plugin in (*stores, *detectors, *visualizers):
        if plugin.set_here or plugin.name == in_use.get(plugin.kind):
            _collect(faults, Plugin.load, plugin)
    if faults:
        raise SettingsError(*faults)


def load_visualizers(settings: Settings) -> "dict[str, Visualizer]":
    """The visualizers of the settings and of installed packages, by name, sorted.

    Raises:
        SettingsError: as load_plugins.
    """
    faults: list[str] = []
    plugins = _listed("visualizers", settings, faults)
    loaded = {plugin.name: _collect(faults, Plugin.load, plugin) for plugin in plugins}
    if faults:
        raise SettingsError(*faults)
    return dict(sorted(loaded.items()))


def _listed(kind: Kind, settings: Settings, faults: list[str]) -> list[Plugin]:
    """The plug-ins of a kind, one per name; those of the settings win."""
    of_settings: dict[str, str] = getattr(settings.plugins, kind)
    listed = [
        Plugin(kind, name, target, f"plugins.{kind}.{name}", set_here=True) for name, target in of_settings.items()
    ]
    listed += _installed(kind, faults)
    kept: dict[str, Plugin] = {}
    for plugin in listed:
        taken = kept.setdefault(plugin.name, plugin)
        if taken.target != plugin.target:
            faults.append(
                f"{plugin.origin} = {plugin.target}: the name {plugin.name!r} is taken by {taken.origin} = "
                f"{taken.target}; keep one, or give it another name"
            )
    return list(kept.values())


def _installed(kind: Kind, faults: list[str]) -> Iterable[Plugin]:
    points = sorted(entry_points(group=GROUP + kind), key=lambda point: (point.name, point.value, _package(point)))
    for point in points:
        origin = f"entry point {point.name} of {_package(point)} ({GROUP}{kind})"
        if not PLUGIN_NAME.fullmatch(point.name):
            faults.append(f"{origin}: {point.name!r} is not a valid name: {PLUGIN_NAME_RULE}")
        elif not point.attr:
            faults.append(f"{origin} = {point.value}: write package.module:attribute")
        else:
            yield Plugin(kind, point.name, f"{point.module}:{point.attr}", origin, set_here=False)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed package"


def _collect(faults: list[str], do: Callable[[Plugin], Any], plugin: Plugin) -> Any:
    try:
        return do(plugin)
    except SettingsError as error:
        faults.extend(map(str, error.args))
    except ValueError as error:
        faults.append(f"{plugin.origin} = {plugin.target}: {error}; choose another name")
    return None


def _register_store(plugin: Plugin) -> None:
    from vieweratlas_assets.storage.opening import register_store

    def opener(root: str) -> "ObjectStore":
        opened: ObjectStore = plugin.load()(root)
        return opened

    register_store(plugin.name, opener, replaces=_registered.get((plugin.kind, plugin.name)))
    _registered[plugin.kind, plugin.name] = opener


def _register_detector(plugin: Plugin) -> None:
    from vieweratlas_assets.domain.communities.detectors import register_detector

    def detector(graph: "WeightedGraph", *, resolution: float, seed: int) -> "np.ndarray":
        find: CommunityDetector = plugin.load()
        return find(graph, resolution=resolution, seed=seed)

    register_detector(plugin.name, replaces=_registered.get((plugin.kind, plugin.name)))(detector)
    _registered[plugin.kind, plugin.name] = detector


def _store_form(name: str, plugin: Any) -> "StoreOpener":
    from vieweratlas_assets.errors import StorageError
    from vieweratlas_assets.storage.objects import ObjectStore

    expected = "a function (root: str) -> ObjectStore, or a subclass of ObjectStore"
    if not callable(plugin):
        raise ValueError(f"it is of type {type(plugin).__name__}; expected {expected}")
    if isinstance(plugin, type):
        if not issubclass(plugin, ObjectStore):
            raise ValueError(f"it is the class {plugin.__name__}; expected {expected}")
        missing = sorted(getattr(plugin, "__abstractmethods__", ()))
        if missing:
            raise ValueError(f"the class {plugin.__name__} lacks {', '.join(missing)}")

    def opener(root: str) -> ObjectStore:
        try:
            store = plugin(root)
        except StorageError:
            raise
        except Exception as error:
            raise StorageError(
                f"storage backend {name!r} could not open {root}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(store, ObjectStore):
            raise SettingsError(
                f"storage backend {name!r} opened {root} as {type(store).__name__}; expected an ObjectStore"
            )
        return store

    return opener


def _detector_form(name: str, plugin: Any) -> "CommunityDetector":
    from vieweratlas_assets.domain.communities.own_detectors import own_detector

    return own_detector(name, plugin)


def _visualizer_form(name: str, plugin: Any) -> "Visualizer":
    from vieweratlas_assets.domain.atlas.visualizers import EXPECTED, refuse_taken_name

    refuse_taken_name(name)
    if not callable(plugin) or isinstance(plugin, type):
        kind = f"the class {plugin.__name__}" if isinstance(plugin, type) else f"of type {type(plugin).__name__}"
        raise ValueError(f"it is {kind}; expected {EXPECTED}")
    visualizer: Visualizer = plugin
    return visualizer


_FORMS: dict[Kind, Callable[[str, Any], Any]] = {
    "storage_backends": _store_form,
    "community_detectors": _detector_form,
    "visualizers": _visualizer_form,
}
