"""Distributions as pip leaves them, without pip."""

from pathlib import Path


def leave_package(folder: Path, package: str, entry_points: str) -> None:
    """Write a distribution with these entry points into a folder, as pip leaves it."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
