"""Installed distributions, written without pip."""

from pathlib import Path


def write_package(folder: Path, package: str, entry_points: str) -> None:
    """Write a distribution with entry points into a folder; if the folder is on sys.path, it counts as installed."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
