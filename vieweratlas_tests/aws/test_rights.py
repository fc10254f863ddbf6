"""Each task may do its own work and nothing else: the tests assume its role, and moto enforces IAM."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import botocore.exceptions
import pytest
import requests

from vieweratlas_tests.aws.conftest import REGION, TASKS, Aws

BUCKET = f"vieweratlas-123456789012-{REGION}"
# Objects of the lake.
SNAPSHOT = {"Bucket": BUCKET, "Key": "lake/raw/snapshots/2026/03/10/12/one.parquet"}
AUDIENCE = {"Bucket": BUCKET, "Key": "lake/curated/channel_audience/date=2026-03-10/part-0000.parquet"}
VOD = {"Bucket": BUCKET, "Key": "lake/curated/presence_snapshots/source=vod/channel=a/vod=1/part-0000.parquet"}
ROSTER = {"Bucket": BUCKET, "Key": "lake/curated/channel_roster/date=2026-03-10/hour=12/part-0000.parquet"}
RAW_CHAT = {"Bucket": BUCKET, "Key": "lake/raw/vod_chat/a/1/progress.parquet"}
RUN_LOG = {"Bucket": BUCKET, "Key": "dagster-logs/storage/one/compute_logs/step.err"}
# Task, service, call, arguments.
Call = tuple[str, str, str, dict[str, str]]
ALLOWED: list[Call] = [
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
REFUSED: list[Call] = [
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
    """Enforce IAM, and yield the credentials of every role."""
    s3, sts = applied.client("s3"), applied.client("sts")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    # moto ignores conditions, so it would read "deny without TLS" as "deny".
    s3.delete_bucket_policy(Bucket=BUCKET)
    for location in (SNAPSHOT, AUDIENCE, VOD, ROSTER, RAW_CHAT, RUN_LOG):
        s3.put_object(**location, Body=b"something")
    credentials = {}
    for role in applied.client("iam").list_roles()["Roles"]:
        name = role["RoleName"].removeprefix("vieweratlas-")
        assumed = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
        credentials[name] = {
            "aws_access_key_id": assumed["AccessKeyId"],
            "aws_secret_access_key": assumed["SecretAccessKey"],
            "aws_session_token": assumed["SessionToken"],
        }
    # From the next call on, moto checks rights: https://docs.getmoto.org/en/latest/docs/iam.html
    requests.post(f"{applied.url}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
    try:
        yield credentials
    finally:
        requests.post(f"{applied.url}/moto-api/reset-auth", data=b"1000000000", timeout=10).raise_for_status()
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


# AWS does not support resources for these actions.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"}


def statements(aws: Aws, role: str, policy: str) -> list[dict[str, Any]]:
    answer = aws.client("iam").get_role_policy(RoleName=f"vieweratlas-{role}", PolicyName=policy)
    policy_statements: list[dict[str, Any]] = answer["PolicyDocument"]["Statement"]
    return policy_statements


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("task", TASKS)
def test_no_right_is_wider_than_its_purpose(applied: Aws, task: str) -> None:
    execution = statements(applied, f"{task}-execution", "execution")
    for statement in execution + statements(applied, task, "task"):
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        if "*" in as_list(statement["Resource"]):
            assert set(as_list(statement["Action"])) <= WITHOUT_RESOURCE
        if "iam:PassRole" in as_list(statement["Action"]):
            roles = {resource.rpartition("/")[2] for resource in as_list(statement["Resource"])}
            assert task == "daemon"
            assert roles == {"vieweratlas-run", "vieweratlas-run-execution"}
    # moto does not check resources of secrets, so compare the policy with the task definition.
    [secrets] = [each for each in execution if "secretsmanager:GetSecretValue" in as_list(each["Action"])]
    task_definition = applied.client("ecs").describe_task_definition(taskDefinition=f"vieweratlas-{task}")
    used = {
        ":".join(secret["valueFrom"].split(":")[:7])
        for container in task_definition["taskDefinition"]["containerDefinitions"]
        for secret in container["secrets"]
    }
    assert set(as_list(secrets["Resource"])) == used


# Action, resource, condition keys of the request.
Right = tuple[str, str, dict[str, str]]
ECS = f"arn:aws:ecs:{REGION}:123456789012"
LOGS = f"arn:aws:logs:{REGION}:123456789012:log-group:/vieweratlas/run"
ROLE = "arn:aws:iam::123456789012:role/vieweratlas"
IN_CLUSTER = {"ecs:cluster": f"{ECS}:cluster/vieweratlas"}
FROM_RUN_TASK = {"ecs:CreateAction": "RunTask"}
TO_ECS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
START_RUNS: list[Right] = [
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-run:7", IN_CLUSTER),
    ("ecs:TagResource", f"{ECS}:task/vieweratlas/0a", FROM_RUN_TASK),
    ("iam:PassRole", f"{ROLE}-run", TO_ECS),
    ("iam:PassRole", f"{ROLE}-run-execution", TO_ECS),
]
FOLLOW_RUNS: list[Right] = [
    ("ecs:DescribeTasks", f"{ECS}:task/vieweratlas/0a", {}),
    ("ecs:StopTask", f"{ECS}:task/vieweratlas/0a", {}),
]
RIGHTS = {
    "daemon": [*START_RUNS, *FOLLOW_RUNS, ("logs:GetLogEvents", f"{LOGS}:log-stream:run/run/0a", {})],
    "webserver": FOLLOW_RUNS,
    "scheduler": START_RUNS,
}
FORBIDDEN: list[Right] = [
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-run:7", {"ecs:cluster": f"{ECS}:cluster/another"}),
    ("ecs:RunTask", f"{ECS}:task-definition/vieweratlas-daemon:1", IN_CLUSTER),
    ("ecs:TagResource", f"{ECS}:task/vieweratlas/0a", {"ecs:CreateAction": "TagResource"}),
    ("ecs:StopTask", f"{ECS}:task/another/0a", {}),
    ("iam:PassRole", f"{ROLE}-daemon", TO_ECS),
    ("iam:PassRole", f"{ROLE}-run", {"iam:PassedToService": "ec2.amazonaws.com"}),
]


def allows(statement: dict[str, Any], action: str, resource: str, context: dict[str, str]) -> bool:
    """Return whether a policy's statement allows a request; moto itself ignores conditions."""
    conditions = [each for test in statement.get("Condition", {}).values() for each in test.items()]
    return (
        action in as_list(statement["Action"])
        and any(fnmatchcase(resource, each) for each in as_list(statement["Resource"]))
        and all(context.get(name) in as_list(values) for name, values in conditions)
    )


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_that_starts_or_stops_runs_has_no_other_rights(applied: Aws, role: str) -> None:
    policy = statements(applied, role, "run" if role == "scheduler" else "task")
    tried = [*START_RUNS, *FOLLOW_RUNS, *RIGHTS["daemon"], *FORBIDDEN]
    allowed = [request for request in tried if any(allows(statement, *request) for statement in policy)]
    assert {request[:2] for request in allowed} == {right[:2] for right in RIGHTS[role]}
    assert not [request for request in FORBIDDEN if request in allowed]


def ids(calls: list[Call]) -> list[str]:
    return [f"{role} {call} {'/'.join(arguments.values())[-60:]}" for role, _, call, arguments in calls]


def send(aws: Aws, keys: dict[str, str], service: str, call: str, arguments: dict[str, str]) -> None:
    getattr(aws.client(service, **keys), call)(**arguments)


@pytest.mark.parametrize(("role", "service", "call", "arguments"), ALLOWED, ids=ids(ALLOWED))
def test_a_task_may_do_its_work(
    applied: Aws, enforced: dict[str, dict[str, str]], role: str, service: str, call: str, arguments: dict[str, str]
) -> None:
    send(applied, enforced[role], service, call, arguments)


@pytest.mark.parametrize(("role", "service", "call", "arguments"), REFUSED, ids=ids(REFUSED))
def test_a_task_may_do_nothing_else(
    applied: Aws, enforced: dict[str, dict[str, str]], role: str, service: str, call: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|not authorized|Access Denied"):
        send(applied, enforced[role], service, call, arguments)
