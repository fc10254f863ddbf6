"""The stack of deploy/compose.yaml, up."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vieweratlas_tests.containers.engine import IMAGES, REPOSITORY, Engine

PROJECT = "vieweratlas-test"
PORT = 13000
METRICS_PORT = 19200
EVERY_PROFILE = ["--profile", "collect", "--profile", "vods", "--profile", "metrics"]
# What is set beside .env.example.
SETTINGS = {
    "UI_PASSWORD": "of-the-ui-5c1e",
    "UI_PORT": str(PORT),
    "METRICS_PORT": str(METRICS_PORT),
    "POSTGRES_PASSWORD": "ofPostgres77d0",
    "S3_SECRET_KEY": "of-the-lake-94ab",
    "VIEWERATLAS_IMAGE": "localhost/vieweratlas",
    "POSTGRES_IMAGE": "localhost/service",
    "S3_IMAGE": "localhost/service",
    "PROXY_IMAGE": "localhost/service",
    # Of the sandbox, beside the collector.
    "TWITCH_CLIENT_ID": "sandbox",
    "TWITCH_CLIENT_SECRET": "sandbox-secret",
    "HELIX_URL": "http://127.0.0.1:8200/helix",
    "ID_URL": "http://127.0.0.1:8200/oauth2",
    "CHAT_URL": "irc://127.0.0.1:8667",
    "SCHEDULES": "",
}


class NoReplyError(AssertionError):
    """Dagster answered with an error, as it does while its database is away."""


@dataclass(frozen=True)
class Stack:
    """The stack as its user drives it: Compose, and the UI behind its login."""

    engine: Engine

    def compose(self, *arguments: str) -> str:
        """Run docker-compose on the stack."""
        files = ["-f", str(REPOSITORY / "deploy/compose.yaml"), "-f", str(IMAGES / "compose.yaml")]
        env_file = self.engine.folder / "env"
        example = (REPOSITORY / "deploy/.env.example").read_text()
        env_file.write_text(example + "".join(f"{name}={value}\n" for name, value in SETTINGS.items()))
        command = [str(self.engine.folder / "docker-compose"), "-p", PROJECT, "--env-file", str(env_file)]
        return self.engine.run([*command, *files, *arguments])

    def up(self, *services: str) -> None:
        """Start services, or all of no profile, and wait until they are well."""
        profiles = EVERY_PROFILE if services else []
        self.compose(
            *profiles, "up", "-d", "--no-build", "--pull", "never", "--wait", "--wait-timeout", "180", *services
        )

    def stop(self, service: str) -> int:
        """Stop a service, and return what its container ended with."""
        self.compose(*EVERY_PROFILE, "stop", service)
        state = json.loads(self.engine.podman("inspect", f"{PROJECT}-{service}-1"))[0]["State"]
        return int(state["ExitCode"])

    def logs(self, *services: str) -> str:
        """What services wrote."""
        return self.compose(*EVERY_PROFILE, "logs", "--no-color", *services)

    def down(self) -> None:
        """End all services, and remove what they keep."""
        self.compose(*EVERY_PROFILE, "down", "--volumes", "--timeout", "60")

    def exec(self, service: str, *command: str) -> str:
        """Run a command in a container of the stack."""
        return self.engine.podman("exec", f"{PROJECT}-{service}-1", *command)

    def kill(self, service: str) -> None:
        """End a container as kill -9 does."""
        self.engine.podman("kill", "--signal", "KILL", f"{PROJECT}-{service}-1")

    def request(
        self, path: str, body: dict[str, Any] | None = None, *, password: str | None = None
    ) -> tuple[int, bytes]:
        """Ask the UI through the proxy.

        Returns:
            Status and body.
        """
        login = base64.b64encode(f"atlas:{password or SETTINGS['UI_PASSWORD']}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask Dagster through the proxy.

        Raises:
            NoReplyError: it, or the proxy before it, told of an error.
        """
        status, body = self.request("/graphql", {"query": query, "variables": variables})
        if status != 200 or "errors" in json.loads(body):
            raise NoReplyError(body[-2000:])
        found: dict[str, Any] = json.loads(body)["data"]
        return found


def wait(reached: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """Wait until something is reached, and return it; what is not answered is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        told = ""
        try:
            if found := reached():
                return found
        except NoReplyError as error:
            told = f": {error}"
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s{told}"
        time.sleep(2)
