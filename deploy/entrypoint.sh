#!/bin/sh
# Copies the chosen Dagster instance into DAGSTER_HOME, then runs the command.
set -eu

instance=/opt/vieweratlas/instances/${DAGSTER_INSTANCE:-laptop}.yaml
if [ ! -r "$instance" ]; then
  echo "unknown DAGSTER_INSTANCE '${DAGSTER_INSTANCE}': use laptop, compose or ecs" >&2
  exit 64
fi
# Replaced at once, because another container of the same task may be reading it.
fresh=$(mktemp "$DAGSTER_HOME/.dagster.yaml.XXXXXX")
cat "$instance" > "$fresh"
mv -f "$fresh" "$DAGSTER_HOME/dagster.yaml"
mkdir -p "${TMPDIR:-/tmp}"
# ECS cannot mount a file, so the list of people who opted out comes in a variable.
if [ -n "${OPT_OUT_LIST:-}" ]; then
  printf '%s\n' "$OPT_OUT_LIST" > "$DAGSTER_HOME/opt_out.txt"
  export VIEWERATLAS_PRIVACY__OPT_OUT_FILE="$DAGSTER_HOME/opt_out.txt"
  unset OPT_OUT_LIST
fi
exec "$@"
