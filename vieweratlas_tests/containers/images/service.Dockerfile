# Stands in for the images of Postgres, SeaweedFS and nginx that compose.yaml names, where no registry can be reached.
FROM localhost/services
COPY weed /usr/local/bin/weed
COPY start-postgres.sh /usr/local/bin/start-postgres
CMD ["start-postgres"]
