# Replaces the images of Postgres, SeaweedFS and nginx in compose.yaml, because the tests use no registry.
FROM localhost/services
COPY weed /usr/local/bin/weed
COPY start-postgres.sh /usr/local/bin/start-postgres
CMD ["start-postgres"]
