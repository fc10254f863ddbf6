"""deploy/deploy.sh as a person uses it: in a repository of its own, with aws, terraform and docker played."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "deploy/deploy.sh"
PLAYED = Path(__file__).parent / "played_tool.py"
COMMANDS = ["plan", "build", "push", "apply", "smoke", "rollback"]
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/atlas"
CLUSTER_ARN = "arn:aws:ecs:eu-central-1:123456789012:task-definition"
PASSWORD = "a-password-that-nobody-may-read"
BASICS = ["bash", "env", "git", "dirname", "cut", "cat", "tr", "awk", "sleep", "curl"]
# Oldest first; the third was pushed, but never applied.
OLDER, OLD, UNUSED, NEW = "a" * 12, "b" * 12, "c" * 12, "d" * 12


class Project:
    """A clean repository with deploy.sh in it, and a world that the tools on PATH play."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.folder = folder / "repository", folder / "bin", folder
        for path in (self.root / "deploy/aws", self.bin):
            path.mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "deploy/deploy.sh")
        (self.root / "Dockerfile").write_text("FROM scratch\n")
        (self.root / "deploy/aws/main.tf").touch()
        (self.root / ".gitignore").write_text(".terraform/\n*.tfvars\n")
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name) or name)
        for name in ("aws", "terraform", "docker"):
            (self.bin / name).write_text(f"#!{sys.executable}\n" + PLAYED.read_text())
            (self.bin / name).chmod(0o755)
        self.git("init", "--quiet")
        self.commit("one")
        outputs = {"repository_url": REGISTRY, "region": "eu-central-1", "cluster": "atlas", "ui_url": ""}
        self.world = {
            "account": "123456789012",
            "password": PASSWORD,
            "images": [],
            "local": {},
            "outputs": {},
            "to_be": outputs | {"services": ["web", "daemon"]},
            "services": [],
            "definitions": {},
        }

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        return subprocess.check_output(["git", *who, *arguments], cwd=self.root, text=True).strip()

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    @property
    def tag(self) -> str:
        return self.git("rev-parse", "HEAD")[:12]

    @property
    def world(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "world.json").read_text())
        return found

    @world.setter
    def world(self, world: dict[str, Any]) -> None:
        (self.folder / "new.json").write_text(json.dumps(world))
        (self.folder / "new.json").replace(self.folder / "world.json")

    def change(self, **parts: Any) -> None:
        self.world = self.world | parts

    def deployed(self, tag: str, **outputs: Any) -> None:
        """Let a tag be in use, after others, and let its services run."""
        images = [
            {"imageTags": [each], "imagePushedAt": 1.7e9 + number, "imageDigest": f"sha256:{number}"}
            for number, each in enumerate([OLDER, OLD, UNUSED, NEW])
        ]
        services: list[dict[str, Any]] = [
            {
                "serviceName": name,
                "status": "ACTIVE",
                "runningCount": 1,
                "desiredCount": 1,
                "deployments": [{}],
                "events": [{"message": f"(service {name}) is well."}],
                "taskDefinition": f"{CLUSTER_ARN}/atlas-{name}:4",
            }
            for name in ("web", "daemon")
        ]
        # A revision of the second tag is one of its settings.
        definitions = {
            f"{CLUSTER_ARN}/atlas-{name}:{revision}": [{"image": "proxy:1"}, {"image": f"{REGISTRY}:{each}"}]
            for name in ("web", "daemon")
            for revision, each in enumerate([OLDER, OLD, OLD, tag], start=1)
        }
        self.change(
            # The registry tells them in no order.
            images=images[::-1],
            outputs=self.world["to_be"] | {"image_tag": tag} | outputs,
            services=services,
            definitions=definitions,
        )

    def run(self, *arguments: str, say: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "calls.jsonl").write_text("")
        done = subprocess.run(
            [self.root / "deploy/deploy.sh", *arguments],
            env={"PATH": str(self.bin), "WORLD": str(self.folder), "HOME": str(self.folder)} | environment,
            cwd=self.folder,
            input=say,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert PASSWORD not in done.stdout + done.stderr + (self.folder / "calls.jsonl").read_text()
        return done

    def succeed(self, *arguments: str, **options: Any) -> str:
        done = self.run(*arguments, **options)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def refused(self, *arguments: str, **options: Any) -> str:
        done = self.run(*arguments, **options)
        assert done.returncode == 1, done.stderr
        assert not self.changes()
        return done.stderr

    def calls(self, tool: str) -> list[list[str]]:
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [arguments for name, *arguments in map(json.loads, lines) if name == tool]

    def changes(self) -> list[str]:
        """What the last command did that changes something: never what it only asked."""
        terraform = [arguments for arguments in self.calls("terraform") if "apply" in arguments]
        docker = [
            arguments for arguments in self.calls("docker") if arguments[0] in {"build", "login", "tag", "push"}
        ]
        return [" ".join(each) for each in [*terraform, *docker]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@contextmanager
def serving(status: int) -> Iterator[str]:
    """A UI that answers with a status, and its address."""

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


def test_help_tells_every_command_and_setting(project: Project) -> None:
    for arguments in (["--help"], ["push", "-h"]):
        done = project.run(*arguments)
        assert done.returncode == 0
        assert not done.stderr
        for name in [*COMMANDS, "IMAGE_TAG", "REGISTRY", "CONTAINER_ENGINE", "PLATFORM", "SMOKE_TIMEOUT_S", "--yes"]:
            assert name in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


@pytest.mark.parametrize("arguments", [[], ["destroy"], ["apply", "--force"], ["apply", OLD], ["rollback", OLD, NEW]])
def test_what_is_not_known_is_refused_with_the_usage(project: Project, arguments: list[str]) -> None:
    done = project.run(*arguments)
    assert done.returncode == 64
    assert "Usage:" in done.stderr
    assert done.stderr.startswith("deploy.sh: ")


@pytest.mark.parametrize("command", ["build", "push", "apply", "rollback"])
@pytest.mark.parametrize("file", ["Dockerfile", "left over.txt"])
def test_what_is_not_committed_is_refused_by_name(project: Project, command: str, file: str) -> None:
    project.deployed(NEW)
    (project.root / "terraform.tfvars").touch()
    (project.root / file).write_text("changed\n")
    # As somebody may have set it who never wants to see them.
    project.git("config", "status.showUntrackedFiles", "no")
    told = project.refused(command, "--yes")
    assert file in told
    assert "tfvars" not in told


@pytest.mark.parametrize(
    ("command", "tool"),
    [("plan", "terraform"), ("push", "aws"), ("apply", "git"), ("smoke", "curl"), ("build", "docker")],
)
def test_a_tool_that_is_missing_is_told(project: Project, command: str, tool: str) -> None:
    project.deployed(NEW)
    (project.bin / tool).unlink()
    assert tool in project.refused(command).splitlines()[0]


def test_plan_tells_what_would_be_done_and_changes_nothing(project: Project) -> None:
    (project.root / "left over.txt").touch()
    told = project.succeed("plan")
    for said in (project.tag, "nothing yet", "123456789012", "eu-central-1", "none yet", "left over.txt"):
        assert said in told
    assert ["-chdir=deploy/aws", "plan", "-input=false", "-var", f"image_tag={project.tag}"] in project.calls(
        "terraform"
    )
    assert not project.changes()
    project.deployed(OLD)
    told = project.succeed("plan", IMAGE_TAG=NEW)
    assert OLD in told
    assert NEW in told
    assert REGISTRY in told


def test_a_beginning_from_nothing_and_the_same_once_more(project: Project) -> None:
    tag = project.tag
    options = f"--label org.opencontainers.image.revision={project.git('rev-parse', 'HEAD')} --tag vieweratlas:{tag}"
    told = project.succeed("build")
    assert project.changes() == [f"build --platform linux/amd64 {options} ."]
    assert f"+ docker {project.changes()[0]}" in told

    # Terraform asks before it makes the repository.
    assert project.run("push").returncode == 1
    assert project.world["outputs"] == {}
    assert not project.world["images"]
    told = project.succeed("push", say="yes\n")
    assert project.changes() == [
        f"-chdir=deploy/aws apply -target=aws_ecr_repository.images -var image_tag={tag}",
        f"login --username AWS --password-stdin {REGISTRY.partition('/')[0]}",
        f"tag vieweratlas:{tag} {REGISTRY}:{tag}",
        f"push {REGISTRY}:{tag}",
    ]
    assert all(change in told for change in project.changes())

    project.succeed("apply", "--yes")
    assert project.changes() == [f"-chdir=deploy/aws apply -input=false -auto-approve -var image_tag={tag}"]
    assert project.world["outputs"]["image_tag"] == tag

    before = project.world
    for command in ("build", "push"):
        assert tag in project.succeed(command)
        assert not project.changes()
    assert f"{tag} is in use already" in project.succeed("apply", "--yes")
    assert project.world == before


def test_a_later_commit_is_another_image(project: Project) -> None:
    project.succeed("build")
    project.commit("two")
    project.succeed("build")
    assert len(project.changes()) == 1
    assert len(project.world["local"]) == 2


def test_an_image_of_another_platform_is_not_taken_for_it(project: Project) -> None:
    project.succeed("build", PLATFORM="linux/arm64")
    assert "not for linux/amd64" in project.refused("push", REGISTRY=REGISTRY)
    project.succeed("build")
    assert len(project.changes()) == 1


def test_a_push_without_an_image_says_what_makes_it(project: Project) -> None:
    assert "deploy.sh build" in project.refused("push", REGISTRY=REGISTRY)


@pytest.mark.parametrize("command", ["build", "push"])
def test_only_the_commit_that_is_there_is_built_and_pushed(project: Project, command: str) -> None:
    assert OLD in project.refused(command, IMAGE_TAG=OLD)


def test_apply_takes_what_the_registry_has(project: Project) -> None:
    project.deployed(OLD)
    assert f"has no {project.tag}" in project.refused("apply", "--yes")
    assert "is no image tag" in project.refused("apply", "--yes", IMAGE_TAG="latest")
    told = project.succeed("apply", say="yes\n", IMAGE_TAG=NEW)
    assert project.changes() == [f"-chdir=deploy/aws apply -var image_tag={NEW}"]
    assert f"rollback {OLD}" in told
    assert project.world["outputs"]["image_tag"] == NEW


def test_nothing_is_applied_unless_somebody_says_yes(project: Project) -> None:
    project.deployed(OLD)
    assert project.run("apply", say="no\n", IMAGE_TAG=NEW).returncode == 1
    assert project.world["outputs"]["image_tag"] == OLD


@pytest.mark.parametrize("command", ["push", "apply", "rollback"])
def test_another_account_is_refused(project: Project, command: str) -> None:
    project.deployed(NEW)
    project.change(account="999999999999")
    assert "999999999999" in project.refused(command, "--yes")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_asked_is_not_taken_for_nothing(project: Project, command: str) -> None:
    """As where the login is over: nothing is made anew then."""
    project.deployed(NEW)
    project.succeed("build")
    project.change(denied=True)
    if command != "build":
        assert "the state cannot be read" in project.refused(command, "--yes")


def test_rollback_goes_back_to_what_ran(project: Project) -> None:
    project.deployed(NEW)
    told = project.succeed("rollback", "--yes")
    assert project.changes() == [f"-chdir=deploy/aws apply -input=false -auto-approve -var image_tag={OLD}"]
    assert f"rollback {NEW}" in told
    project.succeed("rollback", "--yes")
    assert project.world["outputs"]["image_tag"] == NEW, "the second time it leads back"


def test_rollback_passes_over_revisions_of_the_tag_in_use(project: Project) -> None:
    project.deployed(OLD)
    project.succeed("rollback", "--yes")
    assert project.world["outputs"]["image_tag"] == OLDER


def test_a_first_deployment_has_nothing_to_go_back_to(project: Project) -> None:
    project.deployed(NEW)
    definitions = project.world["definitions"]
    project.change(definitions={name: told for name, told in definitions.items() if name.endswith(":4")})
    assert f"no other image than {NEW}" in project.refused("rollback", "--yes")


def test_rollback_to_a_tag(project: Project) -> None:
    project.deployed(NEW)
    for _ in range(2):
        project.succeed("rollback", UNUSED, "--yes")
        assert project.world["outputs"]["image_tag"] == UNUSED
    assert "has no" in project.refused("rollback", "e" * 12, "--yes")


@pytest.mark.parametrize(("status", "told"), [(200, "asks for no login"), (302, "leads to the login")])
def test_smoke_finds_services_and_ui_well(project: Project, status: int, told: str) -> None:
    with serving(status) as address:
        project.deployed(NEW, ui_url=address)
        for _ in range(2):
            said = project.succeed("smoke")
            assert told in said
            assert "steady: web daemon" in said
            assert f"{NEW} runs" in said
            assert not project.changes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"runningCount": 0}, "daemon: ACTIVE, 0 of 1 run, deployments: 1; (service daemon) is well."),
        ({"deployments": [{}, {}]}, "deployments: 2"),
        ({"status": "DRAINING"}, "DRAINING"),
        ({"serviceName": "other"}, "daemon: there is no such service"),
    ],
)
def test_smoke_gives_up_in_time(project: Project, change: dict[str, Any], told: str) -> None:
    project.deployed(NEW)
    web, daemon = project.world["services"]
    project.change(services=[web, daemon | change])
    began = time.monotonic()
    said = project.refused("smoke", SMOKE_TIMEOUT_S="1", SMOKE_POLL_S="0.2")
    assert time.monotonic() - began < 20
    assert told in said
    assert "not steady after 1 s" in said
    assert "web:" not in said


def test_smoke_waits_until_services_are_steady(project: Project) -> None:
    project.deployed(NEW)
    services = project.world["services"]
    project.change(services=[services[0], services[1] | {"runningCount": 0}])
    later = threading.Timer(2, project.change, kwargs={"services": services})
    later.start()
    said = project.succeed("smoke", SMOKE_POLL_S="3")
    later.join()
    assert "0 of 1" in said
    assert f"{NEW} runs" in said


def test_smoke_sees_that_ecs_went_back(project: Project) -> None:
    project.deployed(NEW)
    definitions = project.world["definitions"]
    project.change(definitions=definitions | {f"{CLUSTER_ARN}/atlas-web:4": [{"image": f"{REGISTRY}:{OLD}"}]})
    assert f"web {OLD}" in project.refused("smoke")


def test_smoke_tells_an_error_of_aws_from_services_that_are_well(project: Project) -> None:
    project.deployed(NEW)
    (project.bin / "aws").write_text("#!/bin/sh\necho 'no such cluster' >&2\nexit 254\n")
    done = project.run("smoke", SMOKE_TIMEOUT_S="5")
    assert done.returncode != 0
    assert "no such cluster" in done.stderr
    assert "steady:" not in done.stderr


def test_smoke_fails_where_the_ui_does(project: Project) -> None:
    with serving(503) as address:
        project.deployed(NEW, ui_url=address)
        assert "503" in project.refused("smoke", SMOKE_TIMEOUT_S="1", SMOKE_POLL_S="0.2")


def test_smoke_says_that_a_ui_out_of_reach_was_not_checked(project: Project) -> None:
    with serving(200) as address:
        pass
    project.deployed(NEW, ui_url=address)
    assert "NOT checked" in project.succeed("smoke", SMOKE_POLL_S="0.1")


def test_without_a_deployment_there_is_nothing_to_smoke_or_roll_back(project: Project) -> None:
    assert "nothing was applied yet" in project.refused("smoke")
    assert "there is no registry yet" in project.refused("rollback")
