#!/bin/sh
# Puts the Dagster instance of this deployment where Dagster looks for it, then becomes the command.
set -eu

instance=/opt/vieweratlas/instances/${DAGSTER_INSTANCE:-laptop}.yaml
if [ ! -r "$instance" ]; then
  echo "DAGSTER_INSTANCE is '${DAGSTER_INSTANCE}': there is no $instance" >&2
  exit 64
fi
# Another container of the same task may be reading it.
fresh=$(mktemp "$DAGSTER_HOME/.dagster.yaml.XXXXXX")
cat "$instance" > "$fresh"
mv -f "$fresh" "$DAGSTER_HOME/dagster.yaml"
mkdir -p "${TMPDIR:-/tmp}"
# Where no file can be mounted, as on ECS, the list of those who want to be left out comes in a variable.
if [ -n "${OPT_OUT_LIST:-}" ]; then
  printf '%s\n' "$OPT_OUT_LIST" > "$DAGSTER_HOME/opt_out.txt"
  export VIEWERATLAS_PRIVACY__OPT_OUT_FILE="$DAGSTER_HOME/opt_out.txt"
  unset OPT_OUT_LIST
fi
exec "$@"
