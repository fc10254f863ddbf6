"""Each task may do what it does, and nothing else: its role is taken, and moto enforces IAM."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import botocore.exceptions
import pytest
import requests

from vieweratlas_tests.aws.conftest import REGION, TASKS, Aws

BUCKET = f"vieweratlas-123456789012-{REGION}"
# What a task asks: (task, service, call, arguments).
SNAPSHOT = {"Bucket": BUCKET, "Key": "lake/raw/snapshots/2026/03/10/12/one.parquet"}
AUDIENCE = {"Bucket": BUCKET, "Key": "lake/curated/channel_audience/date=2026-03-10/part-0000.parquet"}
VOD = {"Bucket": BUCKET, "Key": "lake/curated/presence_snapshots/source=vod/channel=a/vod=1/part-0000.parquet"}
ROSTER = {"Bucket": BUCKET, "Key": "lake/curated/channel_roster/date=2026-03-10/hour=12/part-0000.parquet"}
RAW_CHAT = {"Bucket": BUCKET, "Key": "lake/raw/vod_chat/a/1/progress.parquet"}
RUN_LOG = {"Bucket": BUCKET, "Key": "dagster-logs/storage/one/compute_logs/step.err"}
ALLOWED = [
    ("collector", "s3", "put_object", SNAPSHOT),
    ("collector", "s3", "get_object", ROSTER),
    ("collector", "s3", "list_objects_v2", {"Bucket": BUCKET}),
    ("vods", "s3", "put_object", VOD),
    ("vods", "s3", "get_object", VOD),
    ("vods", "s3", "put_object", RAW_CHAT),
    ("vods", "s3", "delete_object", RAW_CHAT),
    ("code", "s3", "get_object", ROSTER),
    ("run", "s3", "put_object", AUDIENCE),
    ("run", "s3", "delete_object", AUDIENCE),
    ("run", "s3", "put_object", RUN_LOG),
    ("webserver", "s3", "get_object", RUN_LOG),
    ("daemon", "ecs", "describe_task_definition", {"taskDefinition": "vieweratlas-run"}),
]
REFUSED = [
    ("collector", "s3", "put_object", AUDIENCE),
    ("collector", "s3", "get_object", AUDIENCE),
    ("collector", "ecs", "run_task", {"taskDefinition": "vieweratlas-run", "cluster": "vieweratlas"}),
    ("collector", "s3", "delete_object", SNAPSHOT),
    ("vods", "s3", "put_object", AUDIENCE),
    ("vods", "s3", "get_object", AUDIENCE),
    ("vods", "s3", "get_object", ROSTER),
    ("vods", "s3", "delete_object", VOD),
    ("vods", "s3", "put_object", SNAPSHOT),
    ("code", "s3", "get_object", AUDIENCE),
    ("code", "s3", "get_object", VOD),
    ("code", "s3", "put_object", ROSTER),
    ("code", "s3", "delete_object", ROSTER),
    ("run", "s3", "delete_bucket", {"Bucket": BUCKET}),
    ("run", "s3", "delete_bucket_policy", {"Bucket": BUCKET}),
    ("run", "secretsmanager", "get_secret_value", {"SecretId": "vieweratlas/database"}),
    ("webserver", "s3", "get_object", AUDIENCE),
    ("webserver", "s3", "put_object", RUN_LOG),
    ("webserver", "ecs", "run_task", {"taskDefinition": "vieweratlas-run", "cluster": "vieweratlas"}),
    ("daemon", "s3", "get_object", AUDIENCE),
    ("daemon", "iam", "list_roles", {}),
]


@pytest.fixture(scope="module")
def enforced(applied: Aws) -> Iterator[dict[str, dict[str, str]]]:
    """The credentials of every role, while IAM is enforced."""
    s3, sts = applied.client("s3"), applied.client("sts")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    # moto takes "never without TLS" for "never": it knows no conditions.
    s3.delete_bucket_policy(Bucket=BUCKET)
    for place in (SNAPSHOT, AUDIENCE, VOD, ROSTER, RAW_CHAT, RUN_LOG):
        s3.put_object(**place, Body=b"something")
    credentials = {}
    for role in applied.client("iam").list_roles()["Roles"]:
        name = role["RoleName"].removeprefix("vieweratlas-")
        taken = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        credentials[name] = {
            "aws_access_key_id": taken["AccessKeyId"],
            "aws_secret_access_key": taken["SecretAccessKey"],
            "aws_session_token": taken["SessionToken"],
        }
    # The next calls are those of roles: https://docs.getmoto.org/en/latest/docs/iam.html
    requests.post(f"{applied.url}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
    try:
        yield credentials
    finally:
        requests.post(f"{applied.url}/moto-api/reset-auth", data=b"1000000000", timeout=10).raise_for_status()
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


# What AWS knows no resources of.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"}


def statements(aws: Aws, role: str, policy: str) -> list[dict[str, Any]]:
    found = aws.client("iam").get_role_policy(RoleName=f"vieweratlas-{role}", PolicyName=policy)
    told: list[dict[str, Any]] = found["PolicyDocument"]["Statement"]
    return told


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("task", TASKS)
def test_no_right_is_wider_than_what_it_is_for(applied: Aws, task: str) -> None:
    execution = statements(applied, f"{task}-execution", "execution")
    for statement in execution + statements(applied, task, "task"):
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= WITHOUT_RESOURCE
        if "iam:PassRole" in listed(statement["Action"]):
            given = {resource.rpartition("/")[2] for resource in listed(statement["Resource"])}
            assert task == "daemon"
            assert given == {"vieweratlas-run", "vieweratlas-run-execution"}
    # moto knows no resources of secrets: what is written is compared with what the task is told.
    [secrets] = [each for each in execution if "secretsmanager:GetSecretValue" in listed(each["Action"])]
    task_definition = applied.client("ecs").describe_task_definition(taskDefinition=f"vieweratlas-{task}")
    told = {
        ":".join(secret["valueFrom"].split(":")[:7])
        for container in task_definition["taskDefinition"]["containerDefinitions"]
        for secret in container["secrets"]
    }
    assert set(listed(secrets["Resource"])) == told


ECS = f"arn:aws:ecs:{REGION}:123456789012"
LOGS = f"arn:aws:logs:{REGION}:123456789012:log-group:/vieweratlas/run"
ROLE = "arn:aws:iam::123456789012:role/vieweratlas"
HERE = {"ecs:cluster": f"{ECS}:cluster/vieweratlas"}
OF_A_RUN = {"ecs:CreateAction": "RunTask"}
TO_ECS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
STARTS = [
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-run:7", HERE),
    ("ecs:TagResource", f"{ECS}:task/vieweratlas/0a", OF_A_RUN),
    ("iam:PassRole", f"{ROLE}-run", TO_ECS),
    ("iam:PassRole", f"{ROLE}-run-execution", TO_ECS),
]
FOLLOWS: list[tuple[str, str, dict[str, str]]] = [
    ("ecs:DescribeTasks", f"{ECS}:task/vieweratlas/0a", {}),
    ("ecs:StopTask", f"{ECS}:task/vieweratlas/0a", {}),
]
WORK = {
    "daemon": [*STARTS, *FOLLOWS, ("logs:GetLogEvents", f"{LOGS}:log-stream:run/run/0a", {})],
    "webserver": FOLLOWS,
    "scheduler": STARTS,
}
BEYOND = [
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-run:7", {"ecs:cluster": f"{ECS}:cluster/another"}),
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-daemon:1", HERE),
    ("ecs:TagResource", f"{ECS}:task/vieweratlas/0a", {"ecs:CreateAction": "TagResource"}),
    ("ecs:StopTask", f"{ECS}:task/another/0a", {}),
    ("iam:PassRole", f"{ROLE}-daemon", TO_ECS),
    ("iam:PassRole", f"{ROLE}-run", {"iam:PassedToService": "ec2.amazonaws.com"}),
]


def allows(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether a statement of a policy allows a call; moto itself knows no conditions."""
    wanted = [each for told in statement.get("Condition", {}).values() for each in told.items()]
    return (
        action in listed(statement["Action"])
        and any(fnmatchcase(resource, each) for each in listed(statement["Resource"]))
        and all(context.get(name) in listed(values) for name, values in wanted)
    )


@pytest.mark.parametrize("role", WORK)
def test_who_starts_follows_and_ends_runs_may_do_that_alone(applied: Aws, role: str) -> None:
    told = statements(applied, role, "run" if role == "scheduler" else "task")
    asked = [*STARTS, *FOLLOWS, *WORK["daemon"], *BEYOND]
    allowed = [call for call in asked if any(allows(statement, *call) for statement in told)]
    assert {call[:2] for call in allowed} == {call[:2] for call in WORK[role]}
    assert not [call for call in BEYOND if call in allowed]


def ids(asked: list[tuple[str, str, str, dict[str, str]]]) -> list[str]:
    return [f"{role} {call} {'/'.join(more.values())[-60:]}" for role, _, call, more in asked]


def ask(aws: Aws, keys: dict[str, str], service: str, call: str, arguments: dict[str, Any]) -> None:
    getattr(aws.client(service, **keys), call)(**arguments)


@pytest.mark.parametrize(("role", "service", "call", "arguments"), ALLOWED, ids=ids(ALLOWED))
def test_a_task_may_do_its_work(
    applied: Aws, enforced: dict[str, dict[str, str]], role: str, service: str, call: str, arguments: dict[str, str]
) -> None:
    ask(applied, enforced[role], service, call, arguments)


@pytest.mark.parametrize(("role", "service", "call", "arguments"), REFUSED, ids=ids(REFUSED))
def test_a_task_may_do_nothing_else(
    applied: Aws, enforced: dict[str, dict[str, str]], role: str, service: str, call: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|not authorized|Access Denied"):
        ask(applied, enforced[role], service, call, arguments)
