#!/bin/sh
# A health check: whether something listens on a port of this container.
exec python3 -c "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)" "$1"
