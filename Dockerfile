# One image for every role: UI, daemon, code location, run, collector, VOD worker, command.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /build
RUN python3 -m venv /opt/vieweratlas
# Dependencies first: they change less often than the code.
COPY requirements-image.lock ./
RUN /opt/vieweratlas/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY vieweratlas_assets ./vieweratlas_assets
RUN /opt/vieweratlas/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
# Optional, with a checksum: TwitchDownloaderCLI (MIT) for VIEWERATLAS_VOD__CHAT_SOURCE=twitchdownloader.
ARG TWITCHDOWNLOADER_URL=
ARG TWITCHDOWNLOADER_SHA256=
COPY deploy/fetch_twitchdownloader.py ./
RUN python3 fetch_twitchdownloader.py /opt/vieweratlas/bin "${TWITCHDOWNLOADER_URL}" "${TWITCHDOWNLOADER_SHA256}"

FROM ${BASE}
# A tmpfs that is mounted on a folder takes the mode of the folder.
RUN useradd --uid 1000 --create-home atlas \
 && install -d -m 1777 /lake /dagster
COPY --from=build /opt/vieweratlas /opt/vieweratlas
COPY dagster.yaml /opt/vieweratlas/instances/laptop.yaml
COPY deploy/dagster.yaml /opt/vieweratlas/instances/compose.yaml
COPY deploy/aws/dagster.yaml /opt/vieweratlas/instances/ecs.yaml
COPY deploy/workspace.yaml /opt/vieweratlas/workspace.yaml
COPY --chmod=755 deploy/entrypoint.sh /usr/local/bin/entrypoint
COPY --chmod=755 deploy/answers.sh /usr/local/bin/answers

USER atlas
WORKDIR /home/atlas
# All writes go to these folders: the rest may be mounted read-only.
VOLUME ["/lake", "/dagster", "/tmp"]
ENV PATH=/opt/vieweratlas/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/dagster \
    DAGSTER_HOME=/dagster \
    NUMBA_CACHE_DIR=/dagster/numba \
    # TwitchDownloaderCLI is .NET, which otherwise needs a system library.
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
    VIEWERATLAS_ROOT=/lake \
    VIEWERATLAS_STORAGE__OUTPUT_DIR=
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["answers", "3000"]
ENTRYPOINT ["entrypoint"]
CMD ["vieweratlas", "dev", "--host", "0.0.0.0"]
