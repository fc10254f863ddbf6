"""Fake aws, terraform, docker, podman and python for test_deploy_script; acts as the name that it is called by.

The cloud and this machine are one JSON file, $FAKE_CLI/cloud.json, which commands read and change. calls.jsonl gets
every call. Only what deploy.sh uses is implemented.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]

FOLDER = Path(os.environ["FAKE_CLI"])
Cloud = dict[str, Any]


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def as_text(value: Any) -> str:
    """Format an answer as `--output text` does."""
    if isinstance(value, list):
        rows = value if all(isinstance(row, list) for row in value) else [value]
        return "\n".join("\t".join(map(str, row)) for row in rows)
    return str(value)


def describe_images(cloud: Cloud, arguments: list[str]) -> dict[str, Any]:
    if option(arguments, "--registry-id") != cloud["account"]:
        sys.exit("An error occurred (AccessDeniedException) when calling the DescribeImages operation")
    tag = option(arguments, "--image-ids").removeprefix("imageTag=")
    if tag not in cloud["registry"]:
        sys.exit("An error occurred (ImageNotFoundException) when calling the DescribeImages operation")
    return {"imageDetails": [{"imageTags": [tag]}]}


def describe_services(cloud: Cloud, arguments: list[str]) -> dict[str, Any]:
    names = arguments[arguments.index("--services") + 1 :]
    assert option(arguments, "--cluster") == cloud["outputs"]["cluster"]
    return {"services": [service for service in cloud["services"] if service["serviceName"] in names]}


def wait_until_stable(cloud: Cloud) -> None:
    unstable = [each for each in cloud["services"] if each["runningCount"] != each["desiredCount"]]
    sys.exit("Waiter ServicesStable failed: Max attempts exceeded" if unstable else 0)


def list_task_definitions(cloud: Cloud, arguments: list[str]) -> dict[str, Any]:
    assert option(arguments, "--sort") == "DESC"
    family = option(arguments, "--family-prefix")
    definitions = [arn for arn in cloud["task_definitions"] if f"/{family}:" in arn]
    return {"taskDefinitionArns": sorted(definitions, key=lambda arn: int(arn.rpartition(":")[2]), reverse=True)}


def describe_task_definition(cloud: Cloud, arguments: list[str]) -> dict[str, Any]:
    image = cloud["task_definitions"][option(arguments, "--task-definition")]
    return {"taskDefinition": {"containerDefinitions": [{"image": image}]}}


def aws(cloud: Cloud, arguments: list[str]) -> None:
    if "denied" in cloud:
        sys.exit("An error occurred (ExpiredTokenException): the token is expired")
    assert arguments[:2] == ["--region", "eu-central-1"], arguments
    text = arguments[2:4] == ["--output", "text"]
    arguments = arguments[4 if text else 2 :]
    match arguments:
        case ["ecr", "get-login-password", *_]:
            print(cloud["password"])
            return
        case ["ecs", "wait", "services-stable", *_]:
            wait_until_stable(cloud)
        case ["ecr", "describe-images", *_]:
            answer = describe_images(cloud, arguments)
        case ["ecs", "describe-services", *_]:
            answer = describe_services(cloud, arguments)
        case ["ecs", "list-task-definitions", *_]:
            answer = list_task_definitions(cloud, arguments)
        case ["ecs", "describe-task-definition", *_]:
            answer = describe_task_definition(cloud, arguments)
        case _:
            sys.exit(f"the fake aws has no {arguments}")
    if "--query" in arguments:
        answer = jmespath.search(option(arguments, "--query"), answer)
    print(as_text(answer) if text else json.dumps(answer))


def terraform(cloud: Cloud, arguments: list[str]) -> None:
    match arguments:
        case ["-chdir=deploy/aws", "init", "-input=false"]:
            pass
        case ["-chdir=deploy/aws", "output", "-json"]:
            if "denied" in cloud:
                sys.exit("Error: the state cannot be read")
            print(json.dumps({name: {"value": value} for name, value in cloud["outputs"].items()}))
        case ["-chdir=deploy/aws", "plan", *_]:
            assert Path("deploy/aws/athena/tables.json").is_file()
        case ["-chdir=deploy/aws", "apply", *options]:
            if "-auto-approve" not in options and sys.stdin.readline() != "yes\n":
                sys.exit("Error: error asking for approval: EOF")
            terraform_apply(cloud, options)
        case _:
            sys.exit(f"the fake terraform has no {arguments}")


def terraform_apply(cloud: Cloud, options: list[str]) -> None:
    repository = cloud["planned_outputs"]["repository_url"]
    if "-target=aws_ecr_repository.images" in options:
        cloud["outputs"]["repository_url"] = repository
        return
    assert Path("deploy/aws/athena/tables.json").is_file()
    tag = option(options, "-var").removeprefix("image_tag=")
    for service in cloud["services"]:
        family, _, revision = service["taskDefinition"].rpartition(":")
        service["taskDefinition"] = f"{family}:{int(revision) + 1}"
        cloud["task_definitions"][service["taskDefinition"]] = f"{repository}:{tag}"
    definitions = sorted(service["taskDefinition"] for service in cloud["services"])
    cloud["outputs"] = cloud["planned_outputs"] | {"image_tag": tag, "task_definitions": definitions}


def engine(cloud: Cloud, arguments: list[str]) -> None:
    match arguments:
        case ["version"]:
            pass
        case ["image", "inspect", name]:
            if name not in cloud["local_images"]:
                sys.exit(f"Error: No such image: {name}")
        case ["build", *options, "."]:
            cloud["local_images"].append(option(options, "--tag"))
        case ["login", "--username", "AWS", "--password-stdin", _]:
            assert sys.stdin.read().strip() == cloud["password"]
        case ["tag", name, new_name]:
            assert name in cloud["local_images"]
            cloud["local_images"].append(new_name)
        case ["push", name]:
            assert name in cloud["local_images"]
            cloud["registry"].append(name.rpartition(":")[2])
        case _:
            sys.exit(f"the fake container engine has no {arguments}")


def python(cloud: Cloud, arguments: list[str]) -> None:
    assert arguments == ["deploy/aws/athena/tables.py"]
    assert os.environ["PYTHONPATH"] == "."
    Path("deploy/aws/athena/tables.json").write_text("{}")


COMMANDS = {"aws": aws, "terraform": terraform, "docker": engine, "podman": engine, "python": python}


def main() -> None:
    """Record the call, then do what the command does."""
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([name, *arguments]) + "\n")
    file = FOLDER / "cloud.json"
    before = file.read_text()
    cloud = json.loads(before)
    COMMANDS[name](cloud, arguments)
    if json.dumps(cloud) != before:
        # Replaced at once: the other end of a pipe may be another fake command.
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(cloud))
        new.replace(file)


main()
