# The product in one image: command, code location, webserver and daemon.
ARG BASE=python:3.11-slim
FROM ${BASE}

WORKDIR /opt/vieweratlas
# Dependencies first: they change less often than the code.
COPY requirements.lock ./
RUN python3 -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE workspace.yaml dagster.yaml ./
COPY vieweratlas_assets ./vieweratlas_assets
RUN python3 -m pip install --no-cache-dir --no-deps . \
 && useradd --create-home atlas \
 && install -d -o atlas /lake /dagster

USER atlas
# The engine's compiled loops are kept in the volume, so that a new container need not compile them.
ENV VIEWERATLAS_ROOT=/lake VIEWERATLAS_STORAGE__OUTPUT_DIR=/lake/community_analysis \
    DAGSTER_HOME=/dagster NUMBA_CACHE_DIR=/dagster/numba PYTHONUNBUFFERED=1
VOLUME ["/lake", "/dagster"]
EXPOSE 3000
ENTRYPOINT ["vieweratlas"]
CMD ["dev", "--host", "0.0.0.0"]
