#!/bin/sh
# Starts nginx in front of the UI. The user's password comes from the environment and is kept in memory only. nginx needs
# the address of the DNS server in its configuration.
set -eu
case $UI_PASSWORD:$UI_ADDRESS in
  change-me:127.* | change-me:localhost) ;;
  change-me:*)
    echo "UI_PASSWORD is the one of .env.example, and UI_ADDRESS=$UI_ADDRESS opens the UI to others: set your own" >&2
    exit 1
    ;;
esac
umask 077
printf '%s:{PLAIN}%s\n' "$UI_USER" "$UI_PASSWORD" > /dev/shm/users
nameserver=$(sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1)
case $nameserver in *:*) nameserver="[$nameserver]" ;; esac
printf 'resolver %s valid=5s;\n' "$nameserver" > /dev/shm/resolver.conf
chmod 644 /dev/shm/users /dev/shm/resolver.conf
exec nginx -c /etc/vieweratlas/nginx.conf -g 'daemon off;'
