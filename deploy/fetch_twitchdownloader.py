"""Download TwitchDownloaderCLI for the image, and check its SHA-256 before unpacking it.

The Dockerfile runs `fetch_twitchdownloader.py FOLDER URL SHA256`. With an empty URL, nothing is downloaded.
"""

import hashlib
import io
import platform
import sys
import zipfile
from pathlib import Path
from urllib.request import urlopen

NAME = "TwitchDownloaderCLI"
MACHINES = {"x86_64": 62, "aarch64": 183}


def fetch(folder: Path, url: str, sha256: str) -> None:
    """Download a release's zip, and unpack its program into a folder.

    Raises:
        SystemExit: The checksum is missing or differs, or the zip has no program for this processor.
    """
    if not sha256:
        sys.exit(f"TWITCHDOWNLOADER_SHA256 is not set: set it to the checksum of {url}")
    with urlopen(url, timeout=300) as response:
        data = response.read()
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256.lower():
        sys.exit(f"{url} has the SHA-256 {actual}, not {sha256}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if NAME not in archive.namelist():
            sys.exit(f"{url} has no {NAME}")
        program = archive.read(NAME)
    # The ELF field e_machine: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    built_for = int.from_bytes(program[18:20], "little") if program[:4] == b"\x7fELF" else None
    if built_for != MACHINES.get(platform.machine()):
        sys.exit(f"the {NAME} in {url} is not for Linux on {platform.machine()}")
    (folder / NAME).write_bytes(program)
    (folder / NAME).chmod(0o755)


if __name__ == "__main__":
    target, source, checksum = sys.argv[1:]
    if source:
        fetch(Path(target), source, checksum)
