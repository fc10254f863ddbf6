#!/usr/bin/env bash
# Deploys a commit to AWS: see --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export AWS_PAGER='' BUILDAH_FORMAT=docker # In its own format, podman drops the Dockerfile's HEALTHCHECK.

usage() {
  cat <<'END'
Usage: deploy/deploy.sh COMMAND [--yes]

Deploys the checked-out commit to AWS. The tag of its image is the first 12 hex digits of the commit, so commit your
changes first: build, push, apply and rollback stop if there are uncommitted changes.

  plan            Show what Terraform would change. Changes nothing.
  build           Build the image.
  push            Upload the image to the registry. The first push creates the registry.
  apply           Deploy the uploaded image.
  smoke           Wait until every service runs the deployed version, then request the UI. If this machine cannot reach
                  the UI (it may need a VPN), smoke says so and succeeds.
  rollback [TAG]  Deploy an earlier image: TAG, or the one that ran before. Terraform files stay those of your checkout.

First install git, terraform, aws (and log in), jq, curl, and docker or podman. Run `make setup`: Athena's tables come
from the Python package. Write your settings into deploy/aws/terraform.tfvars (see DEPLOYMENT.md). Then, and again for
every later commit:

  deploy/deploy.sh plan && deploy/deploy.sh build && deploy/deploy.sh push
  deploy/deploy.sh apply && deploy/deploy.sh smoke

Terraform shows its plan and asks before it changes anything; --yes answers for you. You can repeat every command: it
does only what is missing. Only rollback without TAG returns to the newer image the second time.

Environment variables, in addition to those of aws and terraform (such as AWS_PROFILE):
  CONTAINER_ENGINE  docker or podman. Default: the first one that works.
  PYTHON            Python with the package's dependencies. Default: .venv/bin/python.
  TWITCHDOWNLOADER_URL, TWITCHDOWNLOADER_SHA256: build adds TwitchDownloaderCLI to the image.
END
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "deploy.sh: $*" && exit 1; }
run() { say "+ $*" && "$@"; }
tf() { run terraform -chdir=deploy/aws "$@"; }
ecs() { aws --region "$region" --output text ecs "$@"; }
output() { jq -r --arg name "$1" '.[$name].value // "" | if type == "array" then join(" ") else . end' <<<"$outputs"; }

refuse_uncommitted() {
  local changes
  changes=$(git status --porcelain --untracked-files=all)
  [ -z "$changes" ] || fail "commit or remove these changes first:"$'\n'"$changes"
}

read_state() {
  tf init -input=false >/dev/null
  outputs=$(terraform -chdir=deploy/aws output -json)
  registry=$(output repository_url)
  region=$(cut -d . -f 4 <<<"$registry")
  deployed=$(output image_tag)
}

write_tables() {
  PYTHONPATH=. run "${PYTHON:-.venv/bin/python}" deploy/aws/athena/tables.py ||
    fail "Athena's tables were not written. Did you run make setup?"
}

# Also fails if aws is logged in to another account than the registry's.
in_registry() {
  aws --region "$region" ecr describe-images --registry-id "${registry%%.*}" --repository-name "${registry#*/}" \
    --image-ids "imageTag=$1" >/dev/null
}

find_engine() {
  for engine in ${CONTAINER_ENGINE:-docker podman}; do
    if "$engine" version >/dev/null 2>&1; then return; fi
  done
  fail "no container engine works: install and start docker or podman"
}

plan() {
  say "To deploy: $tag. Deployed now: ${deployed:-nothing}."
  write_tables
  tf plan -input=false -var "image_tag=$tag"
}

build() {
  find_engine
  # A build argument without a value is taken from the environment, if it is set there.
  run "$engine" build --platform linux/amd64 --label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
    --build-arg TWITCHDOWNLOADER_URL --build-arg TWITCHDOWNLOADER_SHA256 --tag "vieweratlas:$tag" .
}

push() {
  if [ -z "$registry" ]; then
    say "There is no registry yet. Terraform creates it now, and nothing else."
    tf "${terraform_apply[@]}" -target=aws_ecr_repository.images -var "image_tag=$tag"
    read_state
  fi
  if in_registry "$tag" 2>/dev/null; then say "$registry already has $tag." && return; fi
  find_engine
  "$engine" image inspect "vieweratlas:$tag" >/dev/null 2>&1 ||
    fail "there is no image vieweratlas:$tag: run deploy/deploy.sh build"
  aws --region "$region" ecr get-login-password |
    run "$engine" login --username AWS --password-stdin "${registry%%/*}"
  run "$engine" tag "vieweratlas:$tag" "$registry:$tag"
  run "$engine" push "$registry:$tag"
}

apply() {
  local target=${1:-$tag}
  [ -n "$registry" ] || fail "there is no registry yet: run deploy/deploy.sh push"
  in_registry "$target" || fail "$registry does not have $target: check out that commit, then build and push it"
  write_tables
  [ -z "$deployed" ] || say "Deployed now: $deployed. To return to it: deploy/deploy.sh rollback $deployed"
  tf "${terraform_apply[@]}" -var "image_tag=$target"
}

rollback() {
  local target=${1:-}
  [ -n "$deployed" ] || fail "nothing is deployed yet"
  [ -n "$target" ] || target=$(previous_tag)
  [ -n "$target" ] || fail "nothing ran before $deployed: name the TAG to deploy"
  apply "$target"
}

# Terraform keeps old task definitions, so ECS knows which images ran.
previous_tag() {
  local definitions definition image
  definitions=$(ecs list-task-definitions --family-prefix "$(output cluster)-webserver" --sort DESC \
    --query taskDefinitionArns) || exit
  for definition in $definitions; do
    image=$(ecs describe-task-definition --task-definition "$definition" --query \
      'taskDefinition.containerDefinitions[0].image') || exit
    [ "${image##*:}" = "$deployed" ] || { echo "${image##*:}" && return; }
  done
}

smoke() {
  local services running ui code connected
  [ -n "$deployed" ] || fail "nothing is deployed yet"
  read -ra services <<<"--cluster $(output cluster) --services $(output services)"
  say "Waiting until every service is stable, for at most 10 minutes."
  ecs wait services-stable "${services[@]}" || fail "not every service is stable (running, wanted, last event):
$(ecs describe-services "${services[@]}" --query 'services[].[serviceName, runningCount, desiredCount, events[0].message]')"
  running=$(ecs describe-services "${services[@]}" --query "join(' ', sort(services[].taskDefinition))")
  # If a new version does not start, ECS returns to the earlier one, which is stable.
  [ "$running" = "$(output task_definitions)" ] || fail "$deployed did not start, and ECS returned to"$'\n'"$running"
  say "Every service runs $deployed."
  ui=$(output ui_url)
  read -r code connected < <(curl --silent --output /dev/null --max-time 10 --retry 2 \
    --write-out '%{http_code} %{time_connect}\n' "${ui%/}/server_info")
  case "$code $connected" in
    "200 "* | "302 "*) say "$ui answers with status $code (302 leads to the login)." ;;
    "000 0.000000") say "$ui was NOT checked: this machine cannot reach it." ;;
    *) fail "$ui answers with status $code, not 200 or 302" ;;
  esac
}

words=() terraform_apply=(apply)
for argument; do
  case $argument in
    -h | --help) usage && exit ;;
    -y | --yes) terraform_apply=(apply -input=false -auto-approve) ;;
    *) words+=("$argument") ;;
  esac
done
tag=$(git rev-parse HEAD | cut -c 1-12)
case "${words[*]-}" in
  plan | smoke) ;;
  build | push | apply | rollback | "rollback "????????????) refuse_uncommitted ;;
  *) usage >&2 && say $'\n'"deploy.sh: no such command: ${words[*]-}" && exit 64 ;;
esac
[ "${words[0]}" = build ] || read_state
"${words[@]}"
