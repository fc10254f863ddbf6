"""The whole product on a real S3 server: `dagster dev` finds the lake by its settings and logs to the bucket."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import boto3
import pytest
import yaml  # type: ignore[import-untyped]

from vieweratlas_assets.sandbox.world import build_world
from vieweratlas_assets.sandbox.world_spec import WorldSpec
from vieweratlas_assets.storage.local import LocalStore
from vieweratlas_assets.storage.objects import ObjectStore
from vieweratlas_assets.storage.opening import open_store
from vieweratlas_tests.integration.command import Command
from vieweratlas_tests.integration.dg_dev import REPOSITORY, DagsterDev, dg_dev
from vieweratlas_tests.integration.test_dg_dev import LAUNCH, computed_assets, wait_for_backfill
from vieweratlas_tests.sandbox.worlds import write_world
from vieweratlas_tests.storage.conftest import BUCKET, S3Server

SPEC = WorldSpec(channels=72, viewers=4_000, days=2)
DAYS = [str(day) for day in SPEC.dates]
ONE_DAY = {"VIEWERATLAS_PARTITIONS__WINDOW_DAYS": "1"}
CAPTURED = """
{
  runsOrError {
    ... on Runs {
      results {
        runId
        eventConnection { events { ... on LogsCapturedEvent { fileKey stepKeys } } }
      }
    }
  }
}
"""
LOG = """
query ($key: [String!]!) {
  capturedLogs(logKey: $key) { stderr }
  capturedLogsMetadata(logKey: $key) { stderrLocation stderrDownloadUrl }
}
"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class StepLog:
    """The captured output of some steps of a run."""

    run: str
    file: str
    steps: tuple[str, ...]

    @property
    def object_key(self) -> str:
        return f"dagster-logs/storage/{self.run}/compute_logs/{self.file}.err"

    @property
    def log_key(self) -> list[str]:
        return [self.run, "compute_logs", self.file]


def contents(store: ObjectStore) -> dict[str, bytes]:
    """The content of each object of a lake; records without `made_from`, which depends on times of writes."""

    def content(key: str) -> bytes:
        data = store.download_bytes(key)
        if key.rpartition("/")[2].startswith("_"):
            return json.dumps(json.loads(data) | {"made_from": ""}).encode()
        return data

    return {key: content(key) for key in store.list_files()}


def contents_in_folder(folder: Path) -> dict[str, bytes]:
    """The contents of a lake of the same world that the command analyzes in a folder."""
    command = Command(folder)
    folder.mkdir()
    store = LocalStore(command.root)
    write_world(store, build_world(SPEC))
    command.run("analyze", "--from", DAYS[0], "--to", DAYS[-1], VIEWERATLAS_PARTITIONS__WINDOW_DAYS="1")
    return contents(store)


def logs_to_s3(local_dir: Path) -> str:
    """The destination of the output of runs in a deployment, as YAML."""
    deployed = yaml.safe_load((REPOSITORY / "deploy/dagster.yaml").read_text())["compute_logs"]
    assert deployed["class"] == "S3ComputeLogManager"
    deployed["config"]["local_dir"] = str(local_dir)
    compute_logs: str = yaml.safe_dump({"compute_logs": deployed})
    return f"\n{compute_logs}"


def backfill(dev: DagsterDev) -> dict[str, Any]:
    params = {"assetSelection": [{"path": [name]} for name in computed_assets()], "partitionNames": DAYS}
    launched = dev.graphql(LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return wait_for_backfill(dev, launched["backfillId"])


def captured(dev: DagsterDev) -> Iterator[StepLog]:
    for run in dev.graphql(CAPTURED)["runsOrError"]["results"]:
        for event in run["eventConnection"]["events"]:
            if event:
                yield StepLog(run["runId"], event["fileKey"], tuple(event["stepKeys"]))


def read_log(dev: DagsterDev, log: StepLog) -> str:
    """The text of a log: the object, the UI and the download link must agree."""
    answer = dev.graphql(LOG, key=log.log_key)
    location = answer["capturedLogsMetadata"]
    assert location["stderrLocation"] == f"s3://{BUCKET}/{log.object_key}"
    with urlopen(location["stderrDownloadUrl"], timeout=30) as download:
        downloaded: str = download.read().decode()
    client = boto3.client("s3")
    stored: str = client.get_object(Bucket=BUCKET, Key=log.object_key)["Body"].read().decode()
    client.close()
    assert answer["capturedLogs"]["stderr"] == downloaded == stored
    return stored


@pytest.mark.long
def test_a_backfill_on_s3_equals_one_in_a_folder_and_logs_to_s3(
    bare_environment: pytest.MonkeyPatch, s3_environment: pytest.MonkeyPatch, s3_server: S3Server, tmp_path: Path
) -> None:
    prefix = uuid4().hex
    store = open_store(f"s3://{BUCKET}/{prefix}/lake/")
    write_world(store, build_world(SPEC))
    chosen = ONE_DAY | {
        "VIEWERATLAS_STORAGE__STORAGE_TYPE": "s3",
        "VIEWERATLAS_STORAGE__S3_BUCKET": BUCKET,
        "VIEWERATLAS_STORAGE__S3_PREFIX": f"{prefix}/lake",
        "DAGSTER_LOGS_BUCKET": BUCKET,
    }
    local = tmp_path / "compute-logs"
    with dg_dev(None, tmp_path / "home", more_of_instance=logs_to_s3(local), **chosen) as dev:
        done = backfill(dev)
        assert done["status"] == "COMPLETED_SUCCESS", done
        assert [file for file in local.rglob("*") if file.is_file()] == [], "the output of runs is only in S3"
        logs = list(captured(dev))
        assert len({log.run for log in logs}) == len(done["runs"])
        assert {step for log in logs for step in log.steps} >= set(computed_assets())
        for log in logs:
            written = read_log(dev, log)
            assert [step for step in log.steps if f'Finished execution of step "{step}"' not in written] == []
    on_s3, in_folder = contents(store), contents_in_folder(tmp_path / "folder")
    assert on_s3.keys() == in_folder.keys()
    assert {key for key in on_s3 if on_s3[key] != in_folder[key]} == set()
    assert len([key for key in on_s3 if key.startswith(("atlas/", "curated/channel_audience/"))]) > 40
    leaks = [
        file for file in tmp_path.rglob("*") if file.is_file() and s3_server.admin[1].encode() in file.read_bytes()
    ]
    assert leaks == [], "no written file holds the secret"
