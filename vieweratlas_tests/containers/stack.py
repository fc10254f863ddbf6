"""A running stack of deploy/compose.yaml."""

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
# Settings in addition to .env.example.
SETTINGS = {
    "UI_PASSWORD": "ui-password-5c1e",
    "UI_PORT": str(PORT),
    "METRICS_PORT": str(METRICS_PORT),
    "POSTGRES_PASSWORD": "postgresPassword77d0",
    "S3_SECRET_KEY": "lake-key-94ab",
    "VIEWERATLAS_IMAGE": "localhost/vieweratlas",
    "POSTGRES_IMAGE": "localhost/service",
    "S3_IMAGE": "localhost/service",
    "PROXY_IMAGE": "localhost/service",
    # The sandbox shares the collector's network.
    "TWITCH_CLIENT_ID": "sandbox",
    "TWITCH_CLIENT_SECRET": "sandbox-secret",
    "HELIX_URL": "http://127.0.0.1:8200/helix",
    "ID_URL": "http://127.0.0.1:8200/oauth2",
    "CHAT_URL": "irc://127.0.0.1:8667",
    "SCHEDULES": "",
}


class NoAnswerError(AssertionError):
    """Dagster answered with an error, as it does while its database is down."""


@dataclass(frozen=True)
class Stack:
    """The stack as a user controls it: with Compose, and through the UI behind its login."""

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
        """Start services and wait until they are healthy. Without names, start all that have no profile."""
        profiles = EVERY_PROFILE if services else []
        self.compose(
            *profiles, "up", "-d", "--no-build", "--pull", "never", "--wait", "--wait-timeout", "180", *services
        )

    def stop(self, service: str) -> int:
        """Stop a service and return the exit code of its container."""
        self.compose(*EVERY_PROFILE, "stop", service)
        state = json.loads(self.engine.podman("inspect", f"{PROJECT}-{service}-1"))[0]["State"]
        return int(state["ExitCode"])

    def logs(self, *services: str) -> str:
        """Return the logs of services."""
        return self.compose(*EVERY_PROFILE, "logs", "--no-color", *services)

    def down(self) -> None:
        """Stop all services and delete their data."""
        self.compose(*EVERY_PROFILE, "down", "--volumes", "--timeout", "60")

    def exec(self, service: str, *command: str) -> str:
        """Run a command in a container of the stack."""
        return self.engine.podman("exec", f"{PROJECT}-{service}-1", *command)

    def kill(self, service: str) -> None:
        """Kill a container with SIGKILL."""
        self.engine.podman("kill", "--signal", "KILL", f"{PROJECT}-{service}-1")

    def request(
        self, path: str, body: dict[str, Any] | None = None, *, password: str | None = None
    ) -> tuple[int, bytes]:
        """Send a request to the UI through the proxy.

        Returns:
            Status and body.
        """
        login = base64.b64encode(f"atlas:{password or SETTINGS['UI_PASSWORD']}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send a query to Dagster through the proxy.

        Raises:
            NoAnswerError: Dagster or the proxy answered with an error.
        """
        status, body = self.request("/graphql", {"query": query, "variables": variables})
        if status != 200 or "errors" in json.loads(body):
            raise NoAnswerError(body[-2000:])
        answer: dict[str, Any] = json.loads(body)["data"]
        return answer


def wait(condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """Wait until a condition returns something true, and return it. While Dagster has no answer, try again."""
    deadline = time.monotonic() + seconds
    while True:
        reason = ""
        try:
            if result := condition():
                return result
        except NoAnswerError as error:
            reason = f": {error}"
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s{reason}"
        time.sleep(2)
