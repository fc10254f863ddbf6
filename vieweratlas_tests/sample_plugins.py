"""Plug-ins that users might write, valid and broken."""

import io
from collections.abc import Mapping
from typing import Any, ClassVar

import networkx as nx
import numpy as np
from PIL import Image

from vieweratlas_assets.domain.atlas.model import Atlas
from vieweratlas_assets.domain.communities.detectors import WeightedGraph
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import ObjectStore, StoredObject, check_key, check_prefix


class KeptLake(ObjectStore):
    """The smallest possible store, in a dictionary that all stores of one root share."""

    lakes: ClassVar[dict[str, dict[str, bytes]]] = {}

    def upload_bytes(self, key: str, data: bytes) -> str:
        self._objects[check_key(key)] = data
        return self.uri(key)

    def download_bytes(self, key: str) -> bytes:
        if check_key(key) not in self._objects:
            raise ObjectNotFoundError(f"{self.uri(key)} does not exist")
        return self._objects[key]

    def delete(self, key: str) -> None:
        self._objects.pop(check_key(key), None)

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        start = check_prefix(prefix)
        return [
            StoredObject(key, len(data))
            for key, data in sorted(self._objects.items())
            if key.startswith(start) and key.endswith(suffix)
        ]

    @property
    def _objects(self) -> dict[str, bytes]:
        return self.lakes.setdefault(self.root, {})


class Unfinished(ObjectStore):
    """A store that cannot list."""

    upload_bytes = KeptLake.upload_bytes
    download_bytes = KeptLake.download_bytes
    delete = KeptLake.delete


def open_lake(root: str) -> ObjectStore:
    """A function that opens a store."""
    return KeptLake(root)


def open_nothing(root: str) -> Any:
    """A function that opens something else."""
    return {"root": root}


def open_badly(root: str) -> ObjectStore:
    """A function that fails."""
    raise RuntimeError("no key in the keyring")


def halves(graph: WeightedGraph, *, resolution: float, seed: int) -> np.ndarray:
    """Communities by the first letter of a channel's name, in our protocol."""
    return np.array([ord(channel[0]) for channel in graph.channels])


def detect_communities(graph: nx.Graph) -> tuple[dict[str, str], float]:
    """The same communities, in the older protocol."""
    return {channel: channel[0] for channel in graph}, 0.5


class FirstLetters:
    """The same communities, by a class in the older protocol."""

    def detect_communities(self, graph: nx.Graph) -> tuple[Mapping[str, str], None]:
        return detect_communities(graph)[0], None


OBJECT = FirstLetters()


def forgets(graph: nx.Graph) -> tuple[dict[str, int], float]:
    """Omits the first channel."""
    return dict.fromkeys(sorted(graph)[1:], 0), 0.0


def draw_names(atlas: Atlas) -> dict[str, bytes]:
    """The channels, one per line."""
    return {"names.txt": "\n".join(atlas.channels["channel"]).encode(), "names-count.txt": b"%d" % atlas.nodes.height}


def draw_elsewhere(atlas: Atlas) -> dict[str, bytes]:
    """Overwrites a file of the product."""
    return {"community_graph.png": b""}


NUMBER = 7


def draw_dot(atlas: Atlas) -> dict[str, bytes]:
    """A dot."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(picture, "PNG")
    return {"dot.png": picture.getvalue()}
