#!/bin/sh
# nginx before the UI: one user, whose password comes from the environment and is kept in memory only.
set -eu
case $UI_PASSWORD:$UI_ADDRESS in
  change-me:127.* | change-me:localhost) ;;
  change-me:*)
    echo "UI_PASSWORD is that of .env.example, and UI_ADDRESS=$UI_ADDRESS opens the UI to others: set one of your own" >&2
    exit 1
    ;;
esac
umask 077
printf '%s:{PLAIN}%s\n' "$UI_USER" "$UI_PASSWORD" > /dev/shm/users
chmod 644 /dev/shm/users
exec nginx -c /etc/vieweratlas/nginx.conf -g 'daemon off;'
