"""Fetch TwitchDownloaderCLI for the image: only a file with the checksum that was asked for is unpacked.

Used by the Dockerfile: fetch_twitchdownloader.py FOLDER URL SHA256; without a URL nothing is fetched.
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
    """Put the program of a release's zip into a folder.

    Raises:
        SystemExit: there is no checksum, the file has another one, or the program is not in it or for another
            processor.
    """
    if not sha256:
        sys.exit(f"TWITCHDOWNLOADER_SHA256 is not set: give the checksum of {url}")
    with urlopen(url, timeout=300) as answer:
        data = answer.read()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        sys.exit(f"{url} has the SHA-256 {found}, not {sha256}")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if NAME not in archive.namelist():
            sys.exit(f"{url} holds no {NAME}")
        program = archive.read(NAME)
    # e_machine of an ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    built_for = int.from_bytes(program[18:20], "little") if program[:4] == b"\x7fELF" else None
    if built_for != MACHINES.get(platform.machine()):
        sys.exit(f"{url} holds a {NAME} that is not for Linux on {platform.machine()}")
    (folder / NAME).write_bytes(program)
    (folder / NAME).chmod(0o755)


if __name__ == "__main__":
    target, source, checksum = sys.argv[1:]
    if source:
        fetch(Path(target), source, checksum)
