"""deploy/aws: Terraform's own checks, and the resources of an apply, read back from moto."""

import datetime as dt
import json
import re
from typing import Any

import pytest

from vieweratlas_assets.defs.jobs import DAILY_JOB, VODS_JOB
from vieweratlas_assets.domain import lake
from vieweratlas_tests.aws.conftest import FARGATE_GB, REGION, SOURCE, TAG, TASKS, Aws

ALARMS: dict[str, dict[str, Any]] = json.loads((SOURCE / "alarms.json").read_text())
BUCKET = f"vieweratlas-123456789012-{REGION}"
VIEWER_SECRETS = {"TWITCH_CLIENT_ID", "TWITCH_CLIENT_SECRET", "VIEWERATLAS_PRIVACY__PSEUDONYM_KEY", "OPT_OUT_LIST"}


def test_the_configuration_is_formatted_and_valid(aws: Aws) -> None:
    aws.terraform("fmt", "-check", "-diff", "-recursive", str(SOURCE))
    aws.terraform("validate")


def test_terraforms_own_tests_pass(aws: Aws) -> None:
    number = len(re.findall(r"^run ", (SOURCE / "tests/deployment.tftest.hcl").read_text(), re.MULTILINE))
    printed = aws.terraform("test", "-no-color")
    assert f"Success! {number} passed, 0 failed" in printed, printed


def test_a_plan_without_generated_tables_says_how_to_generate_them(aws: Aws) -> None:
    tables = aws.folder / "athena/tables.json"
    content = tables.read_text()
    tables.unlink()
    try:
        aws.terraform("validate")
        database = "-target=aws_glue_catalog_database.this"
        printed = aws.terraform("plan", "-no-color", "-var-file=test.tfvars", database, fails=True)
    finally:
        tables.write_text(content)
    assert "athena/tables.py" in printed


def test_a_second_plan_changes_nothing(applied: Aws) -> None:
    applied.terraform("plan", "-out=again", "-var-file=test.tfvars")
    plan = json.loads(applied.terraform("show", "-json", "again"))
    changes = {
        (each["type"], field)
        for each in plan["resource_changes"]
        if each["change"]["actions"] not in (["no-op"], ["read"])
        for field, value in each["change"]["after"].items()
        if value != (each["change"]["before"] or {}).get(field)
    }
    # moto does not return these fields; AWS does.
    service = {
        ("aws_ecs_service", field) for field in ("availability_zone_rebalancing", "health_check_grace_period_seconds")
    }
    rules = {(f"aws_vpc_security_group_{direction}_rule", "description") for direction in ("ingress", "egress")}
    assert changes <= service | rules


def test_the_state_has_no_passwords(applied: Aws) -> None:
    state = (applied.folder / "terraform.tfstate").read_text()
    secrets = applied.client("secretsmanager")
    url = secrets.get_secret_value(SecretId="vieweratlas/database")["SecretString"]
    match = re.fullmatch(r"postgresql://atlas:([A-Za-z0-9]{40})@[^/]+:5432/vieweratlas\?sslmode=require", url)
    key = secrets.get_secret_value(SecretId="vieweratlas/pseudonym-key")["SecretString"]
    assert match
    assert len(key) == 64
    assert "vieweratlas/database" in state
    assert match[1] not in state
    assert key not in state


@pytest.mark.long
def test_an_apply_that_stopped_between_database_and_secret_continues_with_the_same_password(applied: Aws) -> None:
    def value(secret: str) -> str:
        answer = applied.client("secretsmanager").get_secret_value(SecretId=f"vieweratlas/{secret}")
        return str(answer["SecretString"])

    password, url = value("database-password"), value("database")
    assert f":{password}@" in url
    version = "aws_secretsmanager_secret_version.database"
    applied.terraform("apply", "-auto-approve", "-var-file=test.tfvars", f"-replace={version}", f"-target={version}")
    assert (value("database-password"), value("database")) == (password, url)


@pytest.mark.long
def test_an_apply_that_stopped_before_the_first_password_can_be_planned_again(aws: Aws) -> None:
    options = ("-var-file=test.tfvars", "-var=name=cut-off", "-state=cut-off.tfstate")
    aws.terraform("apply", "-auto-approve", *options, '-target=aws_secretsmanager_secret.this["database-password"]')
    aws.terraform("plan", *options)


def test_terraform_keeps_secrets_that_you_filled_in(applied: Aws) -> None:
    secrets = applied.client("secretsmanager")
    # AWS keeps a version with a label, no matter how many follow it; moto removes the label.
    [labels] = secrets.describe_secret(SecretId="vieweratlas/opt-out")["VersionIdsToStages"].values()
    assert set(labels) == {"AWSCURRENT", "terraform"}
    for value in ("one", "two"):
        secrets.put_secret_value(SecretId="vieweratlas/opt-out", SecretString=value)
    versions = 'aws_secretsmanager_secret_version.yours["opt-out"]'
    printed = applied.terraform("plan", "-no-color", "-var-file=test.tfvars", f"-target={versions}")
    assert "No changes" in printed, printed


def test_the_lake_is_versioned_encrypted_and_private(applied: Aws) -> None:
    s3 = applied.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    [rule] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy["Statement"][0]["Effect"] == "Deny"
    assert "SecureTransport" in str(policy)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}
    assert {name: rule["Expiration"]["Days"] for name, rule in rules.items() if "Expiration" in rule} == {
        "raw-snapshots": 30,
        "raw-vod-chat": 7,
        "work": 2,
        "run-logs": 90,
        "athena": 7,
    }
    prefixes = {name: rule["Filter"]["Prefix"] for name, rule in rules.items() if rule["Filter"].get("Prefix")}
    assert prefixes == {
        "raw-snapshots": f"lake/{lake.RAW_SNAPSHOTS}/",
        "raw-vod-chat": f"lake/{lake.RAW_VOD_CHAT}/",
        "work": "lake/" + lake.work_folder("any", dt.date(2026, 3, 10), "any").partition("/")[0] + "/",
        "curated": f"lake/{lake.CURATED}/",
        "run-logs": "dagster-logs/",
        "athena": "athena-results/",
    }
    [moved] = rules["curated"]["Transitions"]
    assert (moved["Days"], moved["StorageClass"]) == (90, "GLACIER_IR")


def definition_of(aws: Aws, task: str) -> dict[str, Any]:
    answer = aws.client("ecs").describe_task_definition(taskDefinition=f"vieweratlas-{task}")
    definition: dict[str, Any] = answer["taskDefinition"]
    return definition


def containers_of(aws: Aws, task: str) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = definition_of(aws, task)["containerDefinitions"]
    return containers


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_a_fargate_size_with_room_for_its_containers(applied: Aws, task: str) -> None:
    definition = definition_of(applied, task)
    memory = int(definition["memory"])
    assert memory / 1024 in FARGATE_GB[definition["cpu"]]
    assert sum(container["memory"] for container in definition["containerDefinitions"]) <= memory


@pytest.mark.parametrize("task", TASKS)
def test_every_task_runs_the_tag_read_only_with_its_own_secrets_only(applied: Aws, task: str) -> None:
    for container in containers_of(applied, task):
        assert container["image"].endswith(f".amazonaws.com/vieweratlas:{TAG}")
        assert container["readonlyRootFilesystem"]
        assert container["memory"]
        assert {mount["containerPath"] for mount in container["mountPoints"]} == {"/tmp", "/dagster", "/lake"}
        environment = {each["name"]: each["value"] for each in container["environment"]}
        assert environment["DAGSTER_INSTANCE"] == "ecs"
        assert environment["VIEWERATLAS_ROOT"] == f"s3://{BUCKET}/lake/"
        assert not [value for value in environment.values() if "postgresql://" in value]
        secrets = {each["name"] for each in container["secrets"]}
        assert {"DAGSTER_POSTGRES_URL", "VIEWERATLAS_VOD__QUEUE_URL"} <= secrets
        assert secrets & VIEWER_SECRETS == (set() if task in ("webserver", "daemon") else VIEWER_SECRETS)
        group = container["logConfiguration"]["options"]["awslogs-group"]
        [logs] = applied.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        assert logs["retentionInDays"] == 30


def test_metrics_run_in_the_daemons_task_and_alarms_read_them(applied: Aws) -> None:
    _, metrics = containers_of(applied, "daemon")
    assert metrics["command"][:4] == ["vieweratlas", "metrics", "--format", "emf"]
    assert not metrics["essential"]
    assert metrics["restartPolicy"]["enabled"], "otherwise a daemon can run without metrics"
    namespace = metrics["command"][metrics["command"].index("--namespace") + 1]
    [collector] = containers_of(applied, "collector")
    assert collector["command"][collector["command"].index("--namespace") + 1] == namespace
    alarms = applied.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {alarm["Namespace"] for alarm in alarms} == {namespace}
    created = {
        alarm["AlarmName"].removeprefix("vieweratlas-"): (
            alarm["MetricName"],
            {each["Name"]: each["Value"] for each in alarm["Dimensions"]},
            alarm["Threshold"],
            alarm["TreatMissingData"],
        )
        for alarm in alarms
    }
    assert created == {
        name: (alarm["metric"], alarm["dimension"], alarm.get("above", alarm.get("below")), alarm["silence"])
        for name, alarm in ALARMS.items()
    }
    assert all(alarm["AlarmActions"] for alarm in alarms)
    filters = applied.client("logs").describe_metric_filters()["metricFilters"]
    assert {each["metricTransformations"][0]["metricNamespace"] for each in filters} == {namespace}
    assert {each["logGroupName"].rpartition("/")[2] for each in filters} >= {"daemon", "run", "collector"}


def test_the_dashboard_shows_only_metrics_that_exist(applied: Aws) -> None:
    from vieweratlas_assets.monitoring import measurements

    metric_by_name = {
        each.name: each for each in vars(measurements).values() if isinstance(each, measurements.Metric)
    }
    body = json.loads(applied.client("cloudwatch").get_dashboard(DashboardName="vieweratlas")["DashboardBody"])
    shown = [line for widget in body["widgets"] for line in widget["properties"]["metrics"]]
    for line in shown:
        if isinstance(line[0], dict):
            namespace, dimension, name = re.findall(r'\{"(.*)",(.*)\} MetricName="(.*)"', line[0]["expression"])[0]
        else:
            namespace, name, *more = line
            dimension = more[0] if more else None
        assert namespace == "ViewerAtlas/vieweratlas"
        assert metric_by_name[name].dimension == dimension


UNHEALTHY = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Task failed container health checks"}
SCALED = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by (deployment x)"}
MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(
    ("stopped", "alarm"),
    [
        ({"stopCode": "EssentialContainerExited", "containers": [{"exitCode": 137, "reason": MEMORY}]}, True),
        ({"stopCode": "TaskFailedToStart", "containers": [{}]}, True),
        ({"stopCode": "EssentialContainerExited", "containers": [{"exitCode": 0}]}, False),
        ({**UNHEALTHY, "containers": [{"exitCode": 137}]}, True),
        ({**SCALED, "containers": [{"exitCode": 143}]}, False),
        ({"stopCode": "UserInitiated", "containers": [{"exitCode": 143}]}, False),
    ],
)
def test_a_failed_task_raises_an_alarm_and_a_stopped_one_does_not(
    applied: Aws, stopped: dict[str, Any], alarm: bool
) -> None:
    events = applied.client("events")
    pattern = json.loads(events.describe_rule(Name="vieweratlas-task-failed")["EventPattern"])
    detail = {"clusterArn": pattern["detail"]["clusterArn"][0], "lastStatus": "STOPPED", **stopped}
    event = {"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail}
    assert matches(pattern, event) is alarm
    [target] = events.list_targets_by_rule(Rule="vieweratlas-task-failed")["Targets"]
    [topic] = applied.client("sns").list_topics()["Topics"]
    assert target["Arn"] == topic["TopicArn"]
    attributes = applied.client("sns").get_topic_attributes(TopicArn=target["Arn"])["Attributes"]
    [allowed] = [each for each in json.loads(attributes["Policy"])["Statement"] if each["Sid"] == "EventBridge"]
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in allowed, "EventBridge does not support conditions in a topic's policy"


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Return whether a pattern of EventBridge matches an event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """

    def one(rule: Any, value: Any) -> bool:
        if isinstance(rule, dict) and "prefix" in rule:
            return isinstance(value, str) and value.startswith(rule["prefix"])
        if isinstance(rule, dict):
            return value is not None and value != rule["anything-but"]
        return bool(rule == value)

    def field(rules: Any, value: Any) -> bool:
        values = value if isinstance(value, list) else [value]
        if isinstance(rules, dict):
            return any(isinstance(each, dict) and matches(rules, each) for each in values)
        return any(one(rule, each) for rule in rules for each in values)

    return all(
        any(matches(each, event) for each in rules) if name == "$or" else field(rules, event.get(name))
        for name, rules in pattern.items()
    )


def test_tasks_that_start_or_stop_runs_get_the_revision_of_the_run_task(applied: Aws) -> None:
    revision = definition_of(applied, "run")["taskDefinitionArn"]
    revisions = {
        task: each["value"]
        for task in TASKS
        for each in containers_of(applied, task)[0]["environment"]
        if each["name"] == "DAGSTER_RUN_TASK_DEFINITION"
    }
    assert revisions == {"daemon": revision, "webserver": revision}


@pytest.mark.parametrize(
    ("schedule", "command", "job"),
    [
        ("analysis", ["vieweratlas", "analyze"], DAILY_JOB),
        ("vod-discovery", ["vieweratlas", "vods", "discover"], VODS_JOB),
        ("vod-processing", ["vieweratlas", "vods", "process"], VODS_JOB),
    ],
)
def test_eventbridge_starts_tasks_of_the_same_size_as_dagsters_jobs(
    applied: Aws, schedule: str, command: list[str], job: Any
) -> None:
    target = applied.client("scheduler").get_schedule(Name=f"vieweratlas-{schedule}")["Target"]
    overrides = json.loads(target["Input"])
    [container] = overrides.pop("containerOverrides")
    assert overrides == {"cpu": job.tags["ecs/cpu"], "memory": job.tags["ecs/memory"]}
    assert container == {"name": "run", "command": command, "memory": int(overrides["memory"])}
    assert target["EcsParameters"]["TaskDefinitionArn"] == definition_of(applied, "run")["taskDefinitionArn"]


def test_athenas_tables_have_the_paths_and_columns_of_the_lake(applied: Aws) -> None:
    tables = applied.client("glue").get_tables(DatabaseName="vieweratlas")["TableList"]
    generated = json.loads((applied.folder / "athena/tables.json").read_text())
    assert {table["Name"] for table in tables} == generated.keys()
    for table in tables:
        expected = generated[table["Name"]]
        location = f"s3://{BUCKET}/lake/{expected['folder']}"
        assert table["StorageDescriptor"]["Location"] == location
        columns = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
        assert columns == [(column["name"], column["type"]) for column in expected["columns"]]
        assert [key["Name"] for key in table["PartitionKeys"]] == [key["name"] for key in expected["partitions"]]
        if expected["partitions"]:
            assert table["Parameters"]["storage.location.template"] == location + expected["template"]
            assert table["Parameters"]["projection.day.range"] == "2026-01-01,NOW"
