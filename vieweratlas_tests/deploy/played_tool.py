"""Plays aws, terraform and docker for test_deploy_script, by the name it is called by.

What there is in the world stands in $WORLD/world.json and changes by what is done; each call is told in calls.jsonl.
It does no more than deploy.sh uses, as the real ones do: `terraform output` warns on its standard output.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]

FOLDER = Path(os.environ["WORLD"])
World = dict[str, Any]


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def several(arguments: list[str], name: str) -> list[str]:
    rest = arguments[arguments.index(name) + 1 :]
    end = next((number for number, each in enumerate(rest) if each.startswith("--")), len(rest))
    return rest[:end]


def text(found: Any) -> str:
    """As `--output text`."""
    if isinstance(found, list):
        rows = found if all(isinstance(row, list) for row in found) else [found]
        return "\n".join("\t".join(str(cell) for cell in row) for row in rows)
    return str(found)


def find_images(world: World, arguments: list[str]) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = world["images"]
    if "--image-ids" in arguments:
        tag = option(arguments, "--image-ids").removeprefix("imageTag=")
        images = [image for image in images if tag in image["imageTags"]]
        if not images:
            sys.exit("An error occurred (ImageNotFoundException) when calling the DescribeImages operation")
    return images


def revisions(world: World, family: str) -> list[str]:
    """Of a family, newest first."""
    found = [name for name in world["definitions"] if name.partition("/")[2].rpartition(":")[0] == family]
    return sorted(found, key=lambda name: int(name.rpartition(":")[2]), reverse=True)


def aws(world: World, arguments: list[str]) -> None:
    if "denied" in world:
        sys.exit("An error occurred (ExpiredTokenException): the token is expired")
    if arguments[:2] == ["ecr", "get-login-password"]:
        print(world["password"])
        return
    answers = {
        "get-caller-identity": lambda: {"Account": world["account"]},
        "describe-images": lambda: {"imageDetails": find_images(world, arguments)},
        "describe-services": lambda: {
            "services": [
                service for service in world["services"] if service["serviceName"] in several(arguments, "--services")
            ]
        },
        "list-task-definitions": lambda: {
            "taskDefinitionArns": revisions(world, option(arguments, "--family-prefix"))
        },
        "describe-task-definition": lambda: {
            "taskDefinition": {"containerDefinitions": world["definitions"][option(arguments, "--task-definition")]}
        },
    }
    assert option(arguments, "--output") == "text", arguments
    print(text(jmespath.search(option(arguments, "--query"), answers[arguments[1]]())))


def terraform(world: World, arguments: list[str]) -> None:
    folder, command, *rest = arguments
    assert folder == "-chdir=deploy/aws"
    if command == "init":
        Path("deploy/aws/.terraform").mkdir(exist_ok=True)
    elif command == "output":
        if "denied" in world:
            sys.exit("Error: the state cannot be read")
        outputs, name = world["outputs"], rest[-1]
        if not outputs and "-raw" in rest:
            print("\nWarning: No outputs found\n")
        elif name not in outputs:
            sys.exit(f'\nError: Output "{name}" not found\n')
        else:
            print(json.dumps(outputs[name]) if "-json" in rest else outputs[name], end="")
    elif command == "console":
        print('"eu-central-1"')
    elif command == "apply":
        if "-auto-approve" not in rest and sys.stdin.readline() != "yes\n":
            sys.exit("Error: error asking for approval: EOF")
        outputs = world["to_be"]
        tag = rest[rest.index("-var") + 1].removeprefix("image_tag=")
        if "-target=aws_ecr_repository.images" in rest:
            world["outputs"]["repository_url"] = outputs["repository_url"]
        else:
            world["outputs"] = outputs | {"image_tag": tag}
            for service in world["services"]:
                family, _, revision = service["taskDefinition"].rpartition(":")
                service["taskDefinition"] = f"{family}:{int(revision) + 1}"
                world["definitions"][service["taskDefinition"]] = [{"image": f"{outputs['repository_url']}:{tag}"}]


def docker(world: World, arguments: list[str]) -> None:
    match arguments:
        case ["image", "inspect", "--format", _, name]:
            if name not in world["local"]:
                sys.exit(f"Error: No such image: {name}")
            print(world["local"][name])
        case ["build", *rest]:
            world["local"][option(rest, "--tag")] = option(rest, "--platform")
        case ["login", *rest]:
            assert sys.stdin.read().strip() == world["password"]
        case ["tag", name, other]:
            world["local"][other] = world["local"][name]
        case ["push", name]:
            image = {"imageTags": [name.rpartition(":")[2]], "imagePushedAt": 2e9, "imageDigest": "sha256:0"}
            world["images"].append(image)


def main() -> None:
    """Tell the call, then do as the tool does."""
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    with (FOLDER / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([name, *arguments]) + "\n")
    file = FOLDER / "world.json"
    before = file.read_text()
    world = json.loads(before)
    {"aws": aws, "terraform": terraform, "docker": docker}[name](world, arguments)
    if json.dumps(world) != before:
        # At once: another tool may stand at the other end of a pipe.
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(world))
        new.replace(file)


main()
