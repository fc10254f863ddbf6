"""The stack of deploy/compose.yaml in use: it starts, runs, survives kills, collects and stops."""

import datetime as dt
import inspect
import json
import os
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vieweratlas_tests.containers.engine import Engine
from vieweratlas_tests.containers.stack import METRICS_PORT, PROJECT, SETTINGS, NoAnswerError, Stack, wait
from vieweratlas_tests.integration.test_dg_dev import LAUNCH, STATUS, TERMINAL, computed_assets
from vieweratlas_tests.sandbox import worlds

DAYS = ["2026-10-05", "2026-10-06", "2026-10-07"]
# The image has no tests: the module's own text goes with the call.
WRITE_WORLD = f"""{inspect.getsource(worlds)}
from vieweratlas_assets.api import get_storage
from vieweratlas_assets.sandbox.world import WorldSpec, build_world
write_world(get_storage(), build_world(WorldSpec(channels=72, viewers=4_000, days=3)))
"""
# The content of each object. Records of partitions are compared without `made_from`, which depends on file times.
CONTENTS = """
import hashlib, json
from vieweratlas_assets.api import get_storage
store = get_storage()
def content(key):
    data = store.download_bytes(key)
    if key.rpartition("/")[2].startswith("_"):
        data = json.dumps(json.loads(data) | {"made_from": ""}).encode()
    return hashlib.sha256(data).hexdigest()
keys = [key for top in ("atlas/", "curated/", "site/") for key in store.list_files(top)]
print(json.dumps({key: content(key) for key in keys}))
"""
DELETE_RESULTS = """
from vieweratlas_assets.api import get_storage
store = get_storage()
inputs = tuple(f"curated/{table}/" for table in ("presence_snapshots", "vod_catalog", "channel_roster"))
for top in ("atlas/", "site/", "curated/"):
    for key in store.list_files(top):
        if not key.startswith(inputs):
            store.delete(key)
"""
pytestmark = pytest.mark.timeout(900)
MEASURED: dict[str, Any] = {}
SERVICES = ("code", "daemon", "webserver", "collector", "vod-collector", "metrics", "proxy", "s3", "postgres")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(Path(os.environ["TEST_CONTAINERS"]).absolute())
    compose = shutil.which("docker-compose")
    assert compose, "docker-compose is missing: make test-containers installs it"
    shutil.copy(compose, engine.folder / "docker-compose")
    with timed("build"):
        engine.build_images()
    with engine.serving():
        yield engine


@pytest.fixture(scope="module")
def stack(engine: Engine) -> Iterator[Stack]:
    stack = Stack(engine)
    stack.down()
    with timed("up"):
        stack.up()
    MEASURED["start_s"] = starts(stack, "code", "webserver", "daemon")
    MEASURED["memory_idle"] = memory(stack)
    stack.exec("code", "python3", "-c", WRITE_WORLD)
    try:
        yield stack
    finally:
        for service in SERVICES:
            (engine.folder / f"{service}.log").write_text(stack.logs(service))
        with timed("down"):
            stack.down()
        print(json.dumps(MEASURED, indent=2))


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Measure how long a block takes."""
    began = time.monotonic()
    yield
    MEASURED[f"{what}_s"] = round(time.monotonic() - began, 1)


@pytest.fixture(scope="module")
def undisturbed(engine: Engine) -> dict[str, str]:
    """Build the atlas of the days in a folder with the same image, and return its content: nothing is killed."""
    program = f"{WRITE_WORLD}\nimport subprocess, sys\n"
    analyze = ["vieweratlas", "analyze", "--from", DAYS[0], "--to", DAYS[-1]]
    program += f"subprocess.run({analyze!r}, check=True, stdout=sys.stderr)\n{CONTENTS}"
    options = ["--rm", "--tmpfs", "/lake", "--env", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS=1"]
    printed = engine.podman("run", *options, "localhost/vieweratlas", "python3", "-c", program)
    expected: dict[str, str] = json.loads(printed.splitlines()[-1])
    return expected


def contents(stack: Stack) -> dict[str, str]:
    content: dict[str, str] = json.loads(stack.exec("code", "python3", "-c", CONTENTS).splitlines()[-1])
    return content


def launch(stack: Stack) -> str:
    """Launch a backfill of the days."""
    selection = [{"path": [name]} for name in computed_assets() if name != "live_presence"]
    params = {"assetSelection": selection, "partitionNames": DAYS}
    launched = stack.graphql(LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill: str = launched["backfillId"]
    return backfill


def status(stack: Stack, backfill: str) -> dict[str, Any]:
    answer: dict[str, Any] = stack.graphql(STATUS, id=backfill)["partitionBackfillOrError"]
    if "status" not in answer:
        raise NoAnswerError(str(answer))
    return answer


def ended(stack: Stack, backfill: str) -> dict[str, Any] | None:
    answer = status(stack, backfill)
    return answer if answer["status"] in TERMINAL else None


def starts(stack: Stack, *services: str) -> dict[str, float]:
    """Return the seconds from the start of each container to its first passed health check. Call it right after."""
    seconds = {}
    for service in services:
        state = json.loads(stack.engine.podman("inspect", f"{PROJECT}-{service}-1"))[0]["State"]
        healthy = next(each["End"] for each in state["Health"]["Log"] if each["ExitCode"] == 0)
        began, ended = (dt.datetime.fromisoformat(moment[:19]) for moment in (state["StartedAt"], healthy))
        seconds[service] = (ended - began).total_seconds()
    return seconds


def memory(stack: Stack) -> dict[str, str]:
    """Return the memory of each service."""
    lines = stack.engine.podman("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}").splitlines()
    return {
        name.removeprefix(f"{PROJECT}-").removesuffix("-1"): used
        for name, used in (line.split(" ", 1) for line in lines)
    }


def test_the_image_has_the_documented_size_and_an_unprivileged_user(engine: Engine) -> None:
    described = json.loads(engine.podman("image", "inspect", "localhost/vieweratlas"))[0]
    MEASURED["image_mb"] = round(described["Size"] / 1e6)
    assert described["User"] == "atlas"
    # DEPLOYMENT.md says 1,614.
    assert MEASURED["image_mb"] < 2000
    printed = engine.podman(
        "run",
        "--rm",
        "--read-only",
        "--tmpfs",
        "/dagster",
        "localhost/vieweratlas",
        "vieweratlas",
        "--version",
    )
    assert re.search(r"\d+\.\d+", printed)
    with timed("command"):
        engine.podman("run", "--rm", "localhost/vieweratlas", "vieweratlas", "--version")
    with timed("definitions"):
        engine.podman(
            "run", "--rm", "localhost/vieweratlas", "python3", "-c", "import vieweratlas_assets.definitions"
        )


def test_the_list_of_opt_outs_can_come_in_a_variable(engine: Engine) -> None:
    options = ["--rm", "--read-only", "--tmpfs", "/dagster", "--env", "OPT_OUT_LIST=viewer ann"]
    program = 'cat "$VIEWERATLAS_PRIVACY__OPT_OUT_FILE"; echo "left: $OPT_OUT_LIST"'
    printed = engine.podman("run", *options, "localhost/vieweratlas", "sh", "-c", program)
    assert printed == "viewer ann\nleft: \n"


def test_the_ui_is_behind_a_login(stack: Stack) -> None:
    assert stack.request("/server_info", password="wrong")[0] == 401
    assert stack.request("/graphql", {"query": "{version}"}, password="wrong")[0] == 401
    status_code, body = stack.request("/server_info")
    assert status_code == 200
    assert json.loads(body)["dagster_version"]


def test_a_backfill_succeeds(stack: Stack, undisturbed: dict[str, str]) -> None:
    with timed("backfill"):
        backfill = launch(stack)
        done = wait(lambda: ended(stack, backfill), "the end of the backfill")
    assert done["status"] == "COMPLETED_SUCCESS", done
    assert contents(stack) == undisturbed
    MEASURED["memory_after_runs"] = memory(stack)


def kill_a_worker(stack: Stack) -> None:
    """Kill the process of a run and its child processes."""
    listed = stack.engine.podman("top", f"{PROJECT}-code-1", "hpid", "args").splitlines()
    workers = [line.split()[0] for line in listed if "execute_run" in line or "spawn_main" in line]
    assert workers, listed
    for worker in workers:
        os.kill(int(worker), 9)


@pytest.mark.parametrize("killed", ["worker", "code", "daemon", "postgres"])
def test_a_backfill_survives_kill_9(stack: Stack, undisturbed: dict[str, str], killed: str) -> None:
    stack.exec("code", "python3", "-c", DELETE_RESULTS)
    backfill = launch(stack)
    wait(lambda: "STARTED" in {run["status"] for run in status(stack, backfill)["runs"]}, "a run")
    if killed == "worker":
        kill_a_worker(stack)
    else:
        stack.kill(killed)
        # With systemd, podman's restart policy does this.
        stack.engine.podman("start", f"{PROJECT}-{killed}-1")
    with timed(f"backfill_after_{killed}"):
        done = wait(lambda: ended(stack, backfill), "the end of the backfill", seconds=600)
    assert done["status"] == "COMPLETED_SUCCESS", done
    assert contents(stack) == undisturbed


def test_the_proxy_finds_a_new_webserver(stack: Stack) -> None:
    """A new container, as after a new image, may have another address."""
    stack.compose("up", "-d", "--no-build", "--pull", "never", "--force-recreate", "--wait", "webserver")
    assert wait(lambda: stack.request("/server_info")[0] == 200, "the UI", seconds=60)


def test_one_command_builds_the_atlas_of_the_days(stack: Stack, undisturbed: dict[str, str]) -> None:
    stack.exec("code", "python3", "-c", DELETE_RESULTS)
    command = ["vieweratlas", "analyze", "--from", DAYS[0], "--to", DAYS[-1]]
    program = f"import resource, subprocess; subprocess.run({command!r}, check=True)"
    program += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    options = ["--rm", "--no-TTY", "--env", "VIEWERATLAS_PARTITIONS__WINDOW_DAYS=1"]
    printed = stack.compose("--profile", "analysis", "run", *options, "analysis", "python3", "-c", program)
    MEASURED["analysis_peak_mb"] = int(printed.split()[-1]) // 1024
    assert contents(stack) == undisturbed


def test_a_collector_fills_the_lake_and_stops_cleanly(stack: Stack) -> None:
    stack.up("sandbox", "collector", "vod-collector", "metrics")
    MEASURED["start_s"] |= starts(stack, "collector")
    files = "from vieweratlas_assets.api import get_storage; print(len(get_storage().list_files('raw/')))"
    wait(lambda: int(stack.exec("code", "python3", "-c", files)) >= 3, "three minutes of chat")
    MEASURED["memory_collecting"] = memory(stack)
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=60) as response:
        exposed = response.read().decode()
    assert re.search(r'^vieweratlas_channels_joined\{collector="[^"]+"\} [1-9]', exposed, re.MULTILINE), exposed
    with timed("collector_stop"):
        assert stack.stop("collector") == 0, stack.logs("collector")


def test_vod_workers_fetch_vods_from_the_queue_and_stop_cleanly(stack: Stack) -> None:
    def completed() -> int:
        stats = json.loads(stack.exec("vod-collector", "vieweratlas", "vods", "stats", "--json"))
        return int(stats["states"]["completed"])

    channels = "/tmp/channels.txt"
    stack.exec("vod-collector", "vieweratlas", "channels", "update", "--limit", "20", "--output", channels)
    stack.exec("vod-collector", "vieweratlas", "vods", "discover", "--channels-file", channels, "--vod-limit", "1")
    with timed("three_vods"):
        wait(lambda: completed() >= 3, "three VODs")
    MEASURED["memory_of_vods"] = memory(stack)
    with timed("vod_worker_stop"):
        assert stack.stop("vod-collector") == 0, stack.logs("vod-collector")


def test_no_log_contains_a_secret(stack: Stack) -> None:
    logs = stack.logs(*SERVICES)
    secrets = [
        SETTINGS[name] for name in ("UI_PASSWORD", "POSTGRES_PASSWORD", "S3_SECRET_KEY", "TWITCH_CLIENT_SECRET")
    ]
    assert len(logs) > 1000
    assert not [secret for secret in secrets if secret in logs]
