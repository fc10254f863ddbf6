#!/bin/sh
# Puts the Dagster instance of this deployment where Dagster looks for it, then becomes the command.
set -eu

instance=/opt/vieweratlas/instances/${DAGSTER_INSTANCE:-laptop}.yaml
if [ ! -r "$instance" ]; then
  echo "DAGSTER_INSTANCE is '${DAGSTER_INSTANCE}': there is no $instance" >&2
  exit 64
fi
cp -f "$instance" "$DAGSTER_HOME/dagster.yaml"
exec "$@"
