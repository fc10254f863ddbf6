#!/usr/bin/env bash
# Brings a commit to AWS and back: see --help.
set -euo pipefail
export AWS_PAGER=

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
terraform_folder=deploy/aws

usage() {
  cat <<'END'
Usage: deploy/deploy.sh COMMAND [--yes]

Brings the commit that is checked out to AWS. Its image has the commit's first 12 hex digits as its tag; a tag is never
given twice. build, push, apply and rollback refuse a tree with changes that are not committed.

  plan            tell tag, account, region and registry, and what Terraform would change; changes nothing
  build           make the image of the Dockerfile, unless there is one of this tag and platform
  push            bring it to the registry, unless the tag is there; the first time, Terraform makes the repository
  apply           let Terraform run the tag, which must be in the registry; IMAGE_TAG=… names another one
  smoke           wait until every service is steady and runs the applied tag, then ask the UI; exit 1 otherwise. A UI
                  that cannot be reached from here, as behind a VPN, is told and is no failure
  rollback [TAG]  apply TAG, or else the tag that ECS was to run before the one in use

From nothing: install git, terraform, aws (logged in), and docker or podman; write the variables that have no default
into deploy/aws/terraform.tfvars. Then, and again for every later commit:

  deploy/deploy.sh plan && deploy/deploy.sh build && deploy/deploy.sh push
  deploy/deploy.sh apply && deploy/deploy.sh smoke

Before Terraform changes anything it shows its plan and asks; --yes answers. Every command may be repeated: what is done
already is left alone. Only rollback without a TAG leads back again the second time. What ran before is read from ECS,
so any machine can roll back. The Terraform files stay those of the tree: to take these back too, check out the older
commit and apply.

Settings, from the environment, beside those of aws and terraform (AWS_PROFILE, TF_CLI_ARGS_init, …):

  IMAGE_TAG         apply, plan: another tag than that of the commit
  REGISTRY          push: host:port/name instead of Terraform's repository; logged in to only where it is ECR
  CONTAINER_ENGINE  docker or podman; without it, the one that answers
  PLATFORM          what the image is built for (linux/amd64)
  SMOKE_TIMEOUT_S   how long smoke waits (600), asking every SMOKE_POLL_S (10)
  TWITCHDOWNLOADER_URL, TWITCHDOWNLOADER_SHA256
                    build: bring TwitchDownloaderCLI into the image
END
}

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "deploy.sh: $*"
  exit 1
}

misused() {
  say "deploy.sh: $*"
  usage >&2
  exit 64
}

# Tell a command, then run it.
run() {
  say "+$(printf ' %q' "$@")"
  "$@"
}

need() {
  local tool missing=''
  for tool; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
  done
  [ -z "$missing" ] || fail "not installed, or not on PATH:$missing"
}

commit() { git rev-parse HEAD; }

commit_tag() { commit | cut -c 1-12; }

checked_tag() {
  [[ $1 =~ ^[0-9a-f]{12}$ ]] || fail "'$1' is no image tag: they are the first 12 hex digits of a commit"
  printf '%s\n' "$1"
}

wanted_tag() { if [ -n "${IMAGE_TAG:-}" ]; then checked_tag "$IMAGE_TAG"; else commit_tag; fi; }

changes() { git status --porcelain --untracked-files=all; }

refuse_changes() {
  local changed
  changed=$(changes)
  [ -z "$changed" ] || fail "$1 takes a commit as it is, and these are not committed:"$'\n'"$changed"
}

own_tag_only() {
  [ -z "${IMAGE_TAG:-}" ] || [ "$IMAGE_TAG" = "$(commit_tag)" ] ||
    fail "$1 takes the commit that is checked out, $(commit_tag): check the commit of IMAGE_TAG=$IMAGE_TAG out"
}

initialise() {
  [ -d "$root/$terraform_folder" ] || fail "there is no $terraform_folder"
  run terraform "-chdir=$terraform_folder" init -input=false >&2
}

# An output of Terraform, or nothing where it was not applied yet.
output() {
  local arguments said
  arguments=("-chdir=$terraform_folder" output -no-color "${2:--raw}" "$1")
  if said=$(terraform "${arguments[@]}" 2>/dev/null); then
    # Without any output it succeeds, and warns where the value should be.
    case $said in *"No outputs found"*) ;; *) printf '%s\n' "$said" ;; esac
  else
    said=$(terraform "${arguments[@]}" 2>&1) || true
    case $said in *"Output \"$1\" not found"*) ;; *) fail "terraform output $1: $said" ;; esac
  fi
}

terraform_apply() {
  if [ "$yes" = 1 ]; then
    run terraform "-chdir=$terraform_folder" apply -input=false -auto-approve "$@"
  else
    run terraform "-chdir=$terraform_folder" apply "$@"
  fi
}

is_ecr() { [[ $1 =~ ^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/ ]]; }

# Of <account>.dkr.ecr.<region>.amazonaws.com/<name>
account_of() { printf '%s\n' "${1%%.*}"; }
region_of() { printf '%s\n' "$1" | cut -d . -f 4; }
name_of() { printf '%s\n' "${1#*/}"; }
host_of() { printf '%s\n' "${1%%/*}"; }

# Asked in a region: none may be configured.
account() {
  aws sts get-caller-identity --region "$1" --query Account --output text || fail "aws does not tell its account"
}

check_account() {
  local found
  found=$(account "$(region_of "$1")")
  [ "$found" = "$(account_of "$1")" ] || fail "aws is logged in to account $found, but the registry is $1"
}

ecr_images() {
  local registry=$1
  shift
  aws ecr describe-images --region "$(region_of "$registry")" --registry-id "$(account_of "$registry")" \
    --repository-name "$(name_of "$registry")" --output text "$@"
}

in_registry() {
  local registry=$1 tag=$2 said
  if is_ecr "$registry"; then
    said=$(ecr_images "$registry" --image-ids "imageTag=$tag" --query 'imageDetails[0].imageDigest' 2>&1) && return
    case $said in
      *ImageNotFoundException*) return 1 ;;
      *) fail "aws ecr describe-images: $said" ;;
    esac
  fi
  said=$(curl --silent --show-error --head --location --max-time 30 --output /dev/null --write-out '%{http_code}' \
    --header 'Accept: application/vnd.oci.image.index.v1+json' \
    --header 'Accept: application/vnd.oci.image.manifest.v1+json' \
    --header 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
    --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
    "$(scheme "$registry")://$(host_of "$registry")/v2/$(name_of "$registry")/manifests/$tag") ||
    fail "the registry $registry cannot be reached"
  case $said in
    200) ;;
    404) return 1 ;;
    *) fail "the registry $registry answers $said" ;;
  esac
}

is_here() { [[ $1 =~ ^(localhost|127\.[0-9.]+)(:|/) ]]; }

# As docker does, without TLS on this machine alone.
scheme() { if is_here "$1"; then echo http; else echo https; fi; }

find_engine() {
  local each
  if [ -n "${CONTAINER_ENGINE:-}" ]; then
    need "$CONTAINER_ENGINE"
    engine=$CONTAINER_ENGINE
    return
  fi
  for each in docker podman; do
    if command -v "$each" >/dev/null && "$each" version >/dev/null 2>&1; then
      engine=$each
      return
    fi
  done
  fail "neither docker nor podman answers: install one of them, start it, or name it by CONTAINER_ENGINE"
}

is_podman() { [ "${engine##*/}" = podman ]; }

local_platform() { "$engine" image inspect --format '{{.Os}}/{{.Architecture}}' "$1" 2>/dev/null || true; }

wanted_platform() { printf '%s\n' "$platform" | cut -d / -f 1-2; }

plan() {
  need git terraform aws
  local tag used account registry region changed
  tag=$(wanted_tag)
  changed=$(changes)
  initialise
  used=$(output image_tag)
  registry=$(output repository_url)
  region=$(echo var.region | terraform "-chdir=$terraform_folder" console -var "image_tag=$tag")
  region=${region//\"/}
  account=$(account "$region")
  say "tag       $tag"
  say "in use    ${used:-nothing yet}"
  say "account   $account"
  say "region    $region"
  say "registry  ${REGISTRY:-${registry:-none yet: push makes it}}"
  [ -z "$changed" ] || say "build, push, apply and rollback will refuse what is not committed:"$'\n'"$changed"
  run terraform "-chdir=$terraform_folder" plan -input=false -var "image_tag=$tag"
}

build() {
  need git
  refuse_changes build
  own_tag_only build
  find_engine
  local image options name
  image=vieweratlas:$(commit_tag)
  if [ "$(local_platform "$image")" = "$(wanted_platform)" ]; then
    say "$image is built."
    return
  fi
  options=(--platform "$platform" --label "org.opencontainers.image.revision=$(commit)" --tag "$image")
  # Only this format keeps the health check.
  if is_podman; then options+=(--format docker); fi
  for name in TWITCHDOWNLOADER_URL TWITCHDOWNLOADER_SHA256; do
    if [ -n "${!name:-}" ]; then options+=(--build-arg "$name=${!name}"); fi
  done
  run "$engine" build "${options[@]}" .
}

make_repository() {
  say "Terraform has no repository for images yet. It makes that one alone:"
  terraform_apply -target=aws_ecr_repository.images -var "image_tag=$(commit_tag)"
}

log_in() {
  local registry=$1 region host
  region=$(region_of "$registry")
  host=$(host_of "$registry")
  say "+ aws ecr get-login-password --region $region | $engine login --username AWS --password-stdin $host"
  aws ecr get-login-password --region "$region" | "$engine" login --username AWS --password-stdin "$host"
}

push() {
  need git
  refuse_changes push
  own_tag_only push
  local tag image registry=${REGISTRY:-} options=()
  tag=$(commit_tag)
  image=vieweratlas:$tag
  [[ -z $registry || $registry == */* ]] || fail "REGISTRY=$registry is no host:port/name"
  if [ -z "$registry" ]; then
    need terraform aws
    initialise
    registry=$(output repository_url)
    if [ -z "$registry" ]; then
      make_repository
      registry=$(output repository_url)
      [ -n "$registry" ] || fail "Terraform made no repository"
    fi
  fi
  if is_ecr "$registry"; then
    need aws
    check_account "$registry"
  else
    need curl
  fi
  if in_registry "$registry" "$tag"; then
    say "$registry has $tag."
    return
  fi
  find_engine
  case $(local_platform "$image") in
    "$(wanted_platform)") ;;
    '') fail "there is no $image: deploy/deploy.sh build" ;;
    *) fail "$image is for $(local_platform "$image"), not for $platform: deploy/deploy.sh build" ;;
  esac
  if is_ecr "$registry"; then
    log_in "$registry"
  elif is_podman && is_here "$registry"; then
    options=(--tls-verify=false)
  fi
  run "$engine" tag "$image" "$registry:$tag"
  run "$engine" push ${options[@]+"${options[@]}"} "$registry:$tag"
}

# Let Terraform run a tag of its registry.
apply_tag() {
  local tag=$1 registry=$2 used
  in_registry "$registry" "$tag" || fail "$registry has no $tag: check that commit out, build and push"
  used=$(output image_tag)
  case $used in
    '') say "Nothing was applied yet." ;;
    "$tag") say "$tag is in use already." ;;
    *) say "$used is in use; afterwards this leads back to it: deploy/deploy.sh rollback $used" ;;
  esac
  terraform_apply -var "image_tag=$tag"
}

# The registry of Terraform, in the account that aws is logged in to.
find_registry() {
  registry=$(output repository_url)
  [ -n "$registry" ] || fail "there is no registry yet: deploy/deploy.sh push makes it"
  check_account "$registry"
}

apply() {
  need git terraform aws
  refuse_changes apply
  local tag registry
  tag=$(wanted_tag)
  initialise
  find_registry
  apply_tag "$tag" "$registry"
}

# The newest tag but $2 in the task definitions of a service; Terraform leaves the older ones there.
former_tag() {
  local registry=$1 used=$2 service=${services%% *} newest family definitions definition tags tag
  newest=$(in_cluster describe-services --cluster "$cluster" --services "$service" --query 'services[].[taskDefinition]') || exit
  family=${newest##*/}
  definitions=$(in_cluster list-task-definitions --family-prefix "${family%:*}" --sort DESC --no-paginate \
    --query 'taskDefinitionArns[].[@]') || exit
  for definition in $definitions; do
    tags=$(tags_of "$definition" "$registry") || exit
    for tag in $tags; do
      [ "$tag" = "$used" ] || { echo "$tag" && return; }
    done
  done
}

rollback() {
  need git terraform aws
  refuse_changes rollback
  local tag=${1:-} registry used cluster services region
  if [ -n "$tag" ]; then tag=$(checked_tag "$tag"); fi
  initialise
  find_registry
  if [ -z "$tag" ]; then
    used=$(output image_tag)
    [ -n "$used" ] || fail "nothing was applied yet"
    find_services
    tag=$(former_tag "$registry" "$used")
    [ -n "$tag" ] || fail "ECS knows no other image than $used, which is in use: name one that is in $registry"
    say "Before $used, which is in use, ECS was to run $tag."
  fi
  apply_tag "$tag" "$registry"
}

find_services() {
  cluster=$(output cluster)
  services=$(output services -json | tr -d '[]" ' | tr ',' ' ')
  region=$(output region)
}

in_cluster() {
  local verb=$1
  shift
  aws ecs "$verb" --region "$region" --cli-connect-timeout 10 --cli-read-timeout 30 --output text "$@"
}

# A line for each service that is not steady.
unsteady() {
  local name found
  # shellcheck disable=SC2086
  found=$(in_cluster describe-services --cluster "$cluster" --services $services --query \
    'services[].[serviceName, status, runningCount, desiredCount, length(deployments), events[0].message]') || exit
  for name in $services; do
    printf '%s\n' "$found" | awk -F '\t' -v name="$name" '
      $1 != name { next }
      { seen = 1 }
      $2 == "ACTIVE" && $3 == $4 && $5 == 1 { next }
      { printf "%s: %s, %d of %d run, deployments: %d; %s\n", name, $2, $3, $4, $5, $6 }
      END { if (!seen) print name ": there is no such service" }'
  done
}

# The tags of our image in a task definition.
tags_of() {
  local images image
  images=$(in_cluster describe-task-definition --task-definition "$1" \
    --query 'taskDefinition.containerDefinitions[].[image]') || exit
  for image in $images; do
    case $image in "$2:"*) echo "${image#"$2:"}" ;; esac
  done
}

# For each service that runs our image: its name, and the tag.
running_tags() {
  local registry=$1 found name definition tags tag
  # shellcheck disable=SC2086
  found=$(in_cluster describe-services --cluster "$cluster" --services $services \
    --query 'services[].[serviceName, taskDefinition]') || exit
  while read -r name definition; do
    tags=$(tags_of "$definition" "$registry") || exit
    for tag in $tags; do echo "$name $tag"; done
  done <<<"$found"
}

wait_until_steady() {
  local waiting told=''
  while :; do
    waiting=$(unsteady)
    [ -n "$waiting" ] || break
    [ "$waiting" = "$told" ] || say "$waiting"
    told=$waiting
    [ "$SECONDS" -lt "$deadline" ] || fail "not steady after $timeout s:"$'\n'"$waiting"
    sleep "${SMOKE_POLL_S:-10}"
  done
  say "steady: $services"
}

# ECS goes back by itself where a start fails, and is steady then.
check_tags() {
  local tag=$1 running other
  running=$(running_tags "$2")
  other=$(printf '%s\n' "$running" | awk -v tag="$tag" '$2 != tag')
  [ -n "$running" ] || fail "no service runs an image of $2"
  [ -z "$other" ] || fail "$tag was applied, but ECS went back to:"$'\n'"$other"
  say "$tag runs."
}

ask_ui() {
  local ui=$1 code connected unreachable=0
  while :; do
    read -r code connected < <(curl --silent --output /dev/null --max-time 10 \
      --write-out '%{http_code} %{time_connect}\n' "${ui%/}/server_info")
    case $code in
      200) say "$ui answers, and asks for no login." && return ;;
      302) say "$ui answers, and leads to the login." && return ;;
    esac
    if [[ $connected =~ [1-9] ]]; then unreachable=0; else unreachable=$((unreachable + 1)); fi
    if [ "$unreachable" -ge 3 ]; then
      say "$ui was NOT checked: it cannot be reached from here."
      return
    fi
    [ "$SECONDS" -lt "$deadline" ] || fail "$ui answers neither 200 nor 302, but $code"
    sleep "${SMOKE_POLL_S:-10}"
  done
}

smoke() {
  need git terraform aws curl
  local cluster services region registry tag ui timeout=${SMOKE_TIMEOUT_S:-600} deadline
  initialise
  find_services
  registry=$(output repository_url)
  tag=$(output image_tag)
  ui=$(output ui_url)
  [ -n "$cluster" ] && [ -n "$services" ] && [ -n "$tag" ] || fail "nothing was applied yet"
  deadline=$((SECONDS + timeout))
  wait_until_steady
  check_tags "$tag" "$registry"
  if [ -n "$ui" ]; then ask_ui "$ui"; else say "There is no ui_url to ask."; fi
}

main() {
  local command='' argument='' each
  yes=0
  platform=${PLATFORM:-linux/amd64}
  for each; do
    case $each in
      -h | --help) usage && exit ;;
      -y | --yes) yes=1 ;;
      -*) misused "unknown option: $each" ;;
      *)
        if [ -z "$command" ]; then
          command=$each
        elif [ "$command" = rollback ] && [ -z "$argument" ]; then
          argument=$each
        else
          misused "not expected: $each"
        fi
        ;;
    esac
  done
  cd "$root"
  case $command in
    plan | build | push | apply | smoke) "$command" ;;
    rollback) rollback "$argument" ;;
    '') misused "which command?" ;;
    *) misused "unknown command: $command" ;;
  esac
}

main "$@"
