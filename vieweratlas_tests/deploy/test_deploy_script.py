"""deploy/deploy.sh in a repository of its own, with fake aws, terraform, docker and podman on its PATH."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "deploy/deploy.sh"
FAKE_CLI = Path(__file__).parent / "fake_cli.py"
COMMANDS = ["plan", "build", "push", "apply", "smoke", "rollback"]
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/atlas"
TASK_DEFINITION = "arn:aws:ecs:eu-central-1:123456789012:task-definition"
PASSWORD = "a-password-that-is-never-printed"
TOOLS = ["bash", "env", "git", "dirname", "cut", "cat", "jq", "curl"]
# From the oldest to the newest. UNUSED is in the registry, but never ran.
OLDER, OLD, UNUSED, NEW = "a" * 12, "b" * 12, "c" * 12, "d" * 12


class Project:
    """A clean repository with deploy.sh in it, and the state of the fake cloud."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.folder = folder / "repository", folder / "bin", folder
        venv = self.root / ".venv/bin"
        for path in (self.root / "deploy/aws/athena", self.bin, venv):
            path.mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "deploy/deploy.sh")
        (self.root / "Dockerfile").write_text("FROM scratch\n")
        (self.root / ".gitignore").write_text(".venv/\n*.tfvars\ndeploy/aws/athena/tables.json\n")
        for name in TOOLS:
            (self.bin / name).symlink_to(shutil.which(name) or name)
        for command in (self.bin / "aws", self.bin / "terraform", self.bin / "docker", venv / "python"):
            command.write_text(f"#!{sys.executable}\n" + FAKE_CLI.read_text())
            command.chmod(0o755)
        self.git("init", "--quiet")
        self.commit("one")
        outputs = {"repository_url": REGISTRY, "cluster": "atlas", "services": ["daemon", "web"], "ui_url": ""}
        self.cloud = {
            "account": "123456789012",
            "password": PASSWORD,
            "registry": [],
            "local_images": [],
            "outputs": {},
            "planned_outputs": outputs,
            "services": [],
            "task_definitions": {},
        }

    def git(self, *arguments: str) -> str:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.check_output(["git", *author, *arguments], cwd=self.root, text=True).strip()

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    @property
    def tag(self) -> str:
        return self.git("rev-parse", "HEAD")[:12]

    @property
    def cloud(self) -> dict[str, Any]:
        cloud: dict[str, Any] = json.loads((self.folder / "cloud.json").read_text())
        return cloud

    @cloud.setter
    def cloud(self, cloud: dict[str, Any]) -> None:
        (self.folder / "cloud.json").write_text(json.dumps(cloud))

    def change(self, **parts: Any) -> None:
        self.cloud = self.cloud | parts

    def deploy(self, tag: str, **outputs: Any) -> None:
        """Let services run a tag, after OLDER and two versions of OLD."""
        families = ["daemon", "webserver"]
        services = [
            {
                "serviceName": name,
                "runningCount": 1,
                "desiredCount": 1,
                "events": [{"message": f"(service {name}) has reached a steady state."}],
                "taskDefinition": f"{TASK_DEFINITION}/atlas-{family}:4",
            }
            for name, family in zip(["daemon", "web"], families, strict=True)
        ]
        history = {
            f"{TASK_DEFINITION}/atlas-{family}:{revision}": f"{REGISTRY}:{image_tag}"
            for family in families
            for revision, image_tag in enumerate([OLDER, OLD, OLD, tag], start=1)
        }
        current = {"image_tag": tag, "task_definitions": [service["taskDefinition"] for service in services]}
        self.change(
            registry=[OLDER, OLD, UNUSED, NEW],
            outputs=self.cloud["planned_outputs"] | current | outputs,
            services=services,
            task_definitions=history,
        )

    def run(self, *arguments: str, answer: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "calls.jsonl").write_text("")
        done = subprocess.run(
            [self.root / "deploy/deploy.sh", *arguments],
            env={"PATH": str(self.bin), "FAKE_CLI": str(self.folder), "HOME": str(self.folder)} | environment,
            cwd=self.folder,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert PASSWORD not in done.stdout + done.stderr + (self.folder / "calls.jsonl").read_text()
        return done

    def succeed(self, *arguments: str, answer: str = "", **environment: str) -> str:
        done = self.run(*arguments, answer=answer, **environment)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fail(self, *arguments: str, **environment: str) -> str:
        """Run a command that must fail and change nothing."""
        done = self.run(*arguments, **environment)
        assert done.returncode not in (0, 64), done.stderr
        assert not self.changes()
        return done.stderr

    def changes(self) -> list[str]:
        """List the calls of the last command that change something."""
        calls = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        terraform = [call for call in calls if call[0] == "terraform" and "apply" in call]
        engine = [call for call in calls if call[1] in ("build", "login", "tag", "push")]
        return [" ".join(call) for call in [*terraform, *engine]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@contextmanager
def serving(status: int) -> Iterator[str]:
    """Serve a UI that answers with a status, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/server_info" else 404)
            self.send_header("Location", "https://login.example.org/")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_shellcheck_finds_nothing() -> None:
    checker = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([checker, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["push", "-h"]])
def test_help_names_every_command_and_setting(project: Project, arguments: list[str]) -> None:
    done = project.run(*arguments)
    assert done.returncode == 0
    assert not done.stderr
    for name in [*COMMANDS, "CONTAINER_ENGINE", "PYTHON", "TWITCHDOWNLOADER_URL", "--yes"]:
        assert name in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


@pytest.mark.parametrize("arguments", [[], ["destroy"], ["apply", OLD], ["rollback", "latest"], ["apply", "--force"]])
def test_an_unknown_command_prints_the_usage(project: Project, arguments: list[str]) -> None:
    done = project.run(*arguments)
    assert done.returncode == 64
    assert "Usage:" in done.stderr
    assert "no such command" in done.stderr


@pytest.mark.parametrize("command", ["build", "push", "apply", "rollback"])
def test_uncommitted_changes_are_refused_by_name(project: Project, command: str) -> None:
    project.deploy(NEW)
    for name in ("terraform.tfvars", "Dockerfile", "left over.txt"):
        (project.root / name).write_text("changed\n")
    # Some people hide untracked files in their own git configuration.
    project.git("config", "status.showUntrackedFiles", "no")
    message = project.fail(command, "--yes")
    assert "Dockerfile" in message
    assert "left over.txt" in message
    assert "tfvars" not in message


@pytest.mark.parametrize(
    ("command", "tool"), [("plan", "jq"), ("push", "terraform"), ("apply", "aws"), ("smoke", "curl")]
)
def test_a_missing_tool_is_named(project: Project, command: str, tool: str) -> None:
    project.deploy(NEW)
    (project.bin / tool).unlink()
    assert f"{tool}: command not found" in project.fail(command)


def test_plan_changes_nothing(project: Project) -> None:
    assert "Deployed now: nothing" in project.succeed("plan")
    project.deploy(OLD)
    message = project.succeed("plan")
    assert f"To deploy: {project.tag}. Deployed now: {OLD}." in message
    assert f"+ terraform -chdir=deploy/aws plan -input=false -var image_tag={project.tag}" in message
    assert not project.changes()


def test_a_first_deployment_and_the_same_again(project: Project) -> None:
    tag = project.tag
    project.succeed("build")
    revision = f"--label org.opencontainers.image.revision={project.git('rev-parse', 'HEAD')}"
    arguments = "--build-arg TWITCHDOWNLOADER_URL --build-arg TWITCHDOWNLOADER_SHA256"
    assert project.changes() == [
        f"docker build --platform linux/amd64 {revision} {arguments} --tag vieweratlas:{tag} ."
    ]

    # Terraform asks before it creates the registry.
    assert project.run("push", answer="no\n").returncode == 1
    assert project.cloud["outputs"] == {}
    message = project.succeed("push", answer="yes\n")
    assert project.changes() == [
        f"terraform -chdir=deploy/aws apply -target=aws_ecr_repository.images -var image_tag={tag}",
        f"docker login --username AWS --password-stdin {REGISTRY.partition('/')[0]}",
        f"docker tag vieweratlas:{tag} {REGISTRY}:{tag}",
        f"docker push {REGISTRY}:{tag}",
    ]
    assert all(f"+ {change}" in message for change in project.changes())

    project.succeed("apply", "--yes")
    assert project.changes() == [f"terraform -chdir=deploy/aws apply -input=false -auto-approve -var image_tag={tag}"]
    assert project.cloud["outputs"]["image_tag"] == tag

    before = project.cloud
    assert f"already has {tag}" in project.succeed("push")
    assert not project.changes()
    project.succeed("apply", "--yes")
    assert project.cloud == before
    project.commit("two")
    project.succeed("build")
    assert len(set(project.cloud["local_images"])) == 3, "a later commit is another image"


def test_podman_builds_where_docker_does_not_work(project: Project) -> None:
    shutil.copy(project.bin / "docker", project.bin / "podman")
    (project.bin / "docker").write_text("#!/bin/sh\nexit 1\n")
    project.succeed("build")
    assert project.changes()[0].startswith("podman build")
    assert "no container engine works" in project.fail("build", CONTAINER_ENGINE="docker")


def test_push_without_an_image_says_how_to_build_it(project: Project) -> None:
    project.deploy(OLD)
    assert "run deploy/deploy.sh build" in project.fail("push")


def test_apply_deploys_only_what_the_registry_has(project: Project) -> None:
    assert "there is no registry yet" in project.fail("apply", "--yes")
    project.deploy(OLD)
    assert f"does not have {project.tag}" in project.fail("apply", "--yes")
    project.change(registry=[project.tag])
    message = project.succeed("apply", answer="yes\n")
    assert f"rollback {OLD}" in message
    assert project.cloud["outputs"]["image_tag"] == project.tag


def test_apply_without_the_python_package_says_how_to_install_it(project: Project) -> None:
    project.deploy(OLD)
    project.change(registry=[project.tag])
    (project.root / ".venv/bin/python").unlink()
    assert "make setup" in project.fail("apply", "--yes")


@pytest.mark.parametrize("command", ["apply", "rollback"])
def test_another_account_than_the_registrys_is_refused(project: Project, command: str) -> None:
    project.deploy(NEW)
    project.change(account="999999999999")
    assert "AccessDenied" in project.fail(command, "--yes")


@pytest.mark.parametrize("command", ["plan", "push", "apply", "smoke", "rollback"])
def test_an_unreadable_state_is_not_taken_for_an_empty_one(project: Project, command: str) -> None:
    project.deploy(NEW)
    project.change(denied=True)
    assert "the state cannot be read" in project.fail(command, "--yes")


@pytest.mark.parametrize(("deployed", "before"), [(NEW, OLD), (OLD, OLDER)])
def test_rollback_returns_to_the_image_before(project: Project, deployed: str, before: str) -> None:
    project.deploy(deployed)
    assert f"rollback {deployed}" in project.succeed("rollback", "--yes")
    assert project.cloud["outputs"]["image_tag"] == before
    project.succeed("rollback", "--yes")
    assert project.cloud["outputs"]["image_tag"] == deployed, "the second time returns to the newer image"


def test_rollback_to_a_tag(project: Project) -> None:
    project.deploy(NEW)
    project.succeed("rollback", UNUSED, "--yes")
    assert project.cloud["outputs"]["image_tag"] == UNUSED
    assert "does not have" in project.fail("rollback", "e" * 12, "--yes")


def test_a_first_deployment_has_nothing_to_return_to(project: Project) -> None:
    for command in ("rollback", "smoke"):
        assert "nothing is deployed yet" in project.fail(command, "--yes")
    project.deploy(NEW)
    history = project.cloud["task_definitions"]
    project.change(task_definitions={arn: image for arn, image in history.items() if arn.endswith(":4")})
    assert f"nothing ran before {NEW}" in project.fail("rollback", "--yes")


@pytest.mark.parametrize("status", [200, 302, 503])
def test_smoke_requests_the_ui(project: Project, status: int) -> None:
    with serving(status) as address:
        project.deploy(NEW, ui_url=address)
        printed = project.fail("smoke") if status == 503 else project.succeed("smoke")
    assert f"answers with status {status}" in printed
    assert f"Every service runs {NEW}" in printed
    assert not project.changes()


def test_smoke_fails_if_a_service_is_not_stable(project: Project) -> None:
    project.deploy(NEW)
    daemon, web = project.cloud["services"]
    project.change(services=[daemon | {"runningCount": 0}, web])
    assert "daemon\t0\t1\t(service daemon) has reached a steady state." in project.fail("smoke")


def test_smoke_fails_if_ecs_returned_to_an_earlier_version(project: Project) -> None:
    project.deploy(NEW)
    daemon, web = project.cloud["services"]
    earlier = f"{TASK_DEFINITION}/atlas-webserver:3"
    project.change(services=[daemon, web | {"taskDefinition": earlier}])
    message = project.fail("smoke")
    assert f"{NEW} did not start" in message
    assert earlier in message


def test_smoke_fails_if_aws_fails(project: Project) -> None:
    project.deploy(NEW)
    (project.bin / "aws").write_text("#!/bin/sh\necho 'no such cluster' >&2\nexit 254\n")
    assert "no such cluster" in project.fail("smoke")


def test_smoke_reports_a_ui_that_it_cannot_reach(project: Project) -> None:
    with serving(200) as address:
        pass
    project.deploy(NEW, ui_url=address)
    assert "NOT checked" in project.succeed("smoke")
