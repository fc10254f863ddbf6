# One image for every role: UI, daemon, code location, run, collector, VOD worker, command line.
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
# Optional: TwitchDownloaderCLI (MIT) for this architecture, for VIEWERATLAS_VOD__CHAT_SOURCE=twitchdownloader.
ARG TWITCHDOWNLOADER_URL=
ARG TWITCHDOWNLOADER_SHA256=
COPY deploy/fetch_twitchdownloader.py ./
RUN python3 fetch_twitchdownloader.py /opt/vieweratlas/bin "${TWITCHDOWNLOADER_URL}" "${TWITCHDOWNLOADER_SHA256}"

FROM ${BASE}
# A tmpfs gets the mode of the folder that it is mounted on.
RUN useradd --uid 1000 --create-home atlas \
 && install -d -m 1777 /lake /dagster
COPY --from=build /opt/vieweratlas /opt/vieweratlas
COPY dagster.yaml /opt/vieweratlas/instances/laptop.yaml
COPY deploy/dagster.yaml /opt/vieweratlas/instances/compose.yaml
COPY deploy/aws/dagster.yaml /opt/vieweratlas/instances/ecs.yaml
COPY deploy/workspace.yaml /opt/vieweratlas/workspace.yaml
COPY --chmod=755 deploy/entrypoint.sh /usr/local/bin/entrypoint

USER atlas
WORKDIR /home/atlas
# Everything is written to these folders. The rest can be mounted read-only.
VOLUME ["/lake", "/dagster", "/tmp"]
ENV PATH=/opt/vieweratlas/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/dagster \
    DAGSTER_HOME=/dagster \
    NUMBA_CACHE_DIR=/dagster/numba \
    # TwitchDownloaderCLI is a .NET program, which otherwise needs the ICU library.
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
    VIEWERATLAS_ROOT=/lake \
    VIEWERATLAS_STORAGE__OUTPUT_DIR=
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["bash", "-c", "</dev/tcp/127.0.0.1/3000"]
ENTRYPOINT ["entrypoint"]
CMD ["vieweratlas", "dev", "--host", "0.0.0.0"]
