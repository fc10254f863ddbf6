#!/bin/sh
# nginx before the UI: one user, whose password comes from the environment and is kept in memory only.
set -eu
umask 077
printf '%s:{PLAIN}%s\n' "$UI_USER" "$UI_PASSWORD" > /dev/shm/users
chmod 644 /dev/shm/users
exec nginx -c /etc/vieweratlas/nginx.conf -g 'daemon off;'
