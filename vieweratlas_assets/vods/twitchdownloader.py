"""The chat of VODs by TwitchDownloaderCLI, a program that users install themselves.

Belongs here: running the program within limits, turning its failures into errors. Not here: reading its file
(sources).

https://github.com/lay295/TwitchDownloader/blob/master/TwitchDownloaderCLI/README.md
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vieweratlas_assets.clients.vod_chat import VodChatError, VodChatMisconfiguredError, VodGoneError
from vieweratlas_assets.vods.sources import ChatRequest, VodChat, read_chat_file

POLL_S = 0.05
PREFIX = "vieweratlas-vod-"
LAST_OUTPUT = 16_384
GONE = ("invalid vod", "deleted/expired vod")
BAD_ARGUMENTS = 1
FEWER_THREADS = "too many null comment lists"


class TwitchDownloaderSource:
    """Runs the program for each VOD, in a temporary folder of its own."""

    is_sample = False

    def __init__(self, cli_path: Path, *, timeout_s: float, output_limit_bytes: int) -> None:
        """Prepare; no program runs yet.

        Args:
            timeout_s: limit of the time per VOD.
            output_limit_bytes: limit of the file per VOD.
        """
        self._cli_path, self._timeout_s, self._output_limit = cli_path, timeout_s, output_limit_bytes
        _remove_abandoned_folders()

    @contextmanager
    def chat(self, request: ChatRequest) -> Iterator[VodChat]:
        """See VodChatSource."""
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
            target = Path(folder) / f"{request.vod.vod_id}.json"
            try:
                self._download(request, target)
            except VodChatError as error:
                if FEWER_THREADS not in str(error):
                    raise
                self._download(request, target, threads=1)
            with read_chat_file(target, request.vod) as chat:
                yield chat

    def _download(self, request: ChatRequest, target: Path, threads: int = 4) -> None:
        command = [
            *(str(self._cli_path), "chatdownload", "--id", request.vod.vod_id, "-o", str(target)),
            *("--compression", "None", "--collision", "Overwrite", "--banner", "false"),
            *("--temp-path", str(target.parent), "--threads", str(threads)),
        ]
        try:
            # A session of its own, so that its children are killed with it.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise VodChatMisconfiguredError(
                f"vod.cli_path is {self._cli_path}, which cannot be started: {error.strerror}. Install "
                "TwitchDownloaderCLI and set vod.cli_path to it, or set vod.chat_source to graphql"
            ) from error
        tail = _Tail(process)
        try:
            reason = self._wait(process, target, request.is_given_up)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output = tail.end()
        if reason:
            raise VodChatError(f"TwitchDownloaderCLI {reason}")
        if process.returncode != 0 or not target.exists():
            raise _failure(process.returncode, output)

    def _wait(self, process: subprocess.Popen[bytes], target: Path, is_given_up: Callable[[], bool]) -> str | None:
        """Wait until the program ends; returns None, or the reason to kill it."""
        deadline = time.monotonic() + self._timeout_s
        while process.poll() is None:
            if is_given_up():
                return "was stopped"
            if time.monotonic() > deadline:
                return f"took longer than vod.cli_timeout, {self._timeout_s:g} s"
            if target.exists() and target.stat().st_size > self._output_limit:
                return f"wrote more than vod.cli_output_limit, {self._output_limit:,} bytes"
            time.sleep(POLL_S)
        return None


def _remove_abandoned_folders() -> None:
    """Remove the folders of processes that were killed: they hold people's messages."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Tail:
    """Reads the output of a process and keeps the end of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self._kept = process, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> str:
        """The end of the output, once the process has closed it."""
        self._thread.join()
        return self._kept.decode(errors="replace")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while chunk := os.read(output.fileno(), LAST_OUTPUT):
                self._kept = (self._kept + chunk)[-LAST_OUTPUT:]


def _failure(code: int, output: str) -> Exception:
    """The error for a failed run, by its exit code and its output."""
    lines = [line.strip() for line in output.replace("\r", "\n").splitlines() if line.strip()]
    unhandled = [line for line in lines if line.startswith("Unhandled exception")]
    message = (unhandled or lines or ["no output"])[0 if unhandled else -1][:300]
    if any(word in message.lower() for word in GONE):
        return VodGoneError("Twitch has no such VOD: it was deleted or has expired")
    if code == BAD_ARGUMENTS and not unhandled:
        return VodChatMisconfiguredError(
            f"TwitchDownloaderCLI refuses our arguments: check the program of vod.cli_path. It says: {message}"
        )
    return VodChatError(f"TwitchDownloaderCLI ended with {code}: {message}")
