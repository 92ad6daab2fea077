# One image for the producer, the consumer, the bridge and the topics: they differ by command only.
# Both base images can be replaced (--build-arg): by a mirror's name, or by a digest, name@sha256:...
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# The dashboard's libraries: `npm ci` lays them in static/vendor.
FROM ${NODE_IMAGE} AS vendor
WORKDIR /build
COPY static/package.json static/package-lock.json ./
RUN npm ci --no-audit --no-fund --no-update-notifier

# The virtual environment. It stands at the same place in the last stage: its scripts name it.
FROM ${PYTHON_IMAGE} AS wheels
WORKDIR /app
RUN python -m venv --without-pip /opt/venv
# Without the sources first, so that a change of them does not install everything again.
COPY requirements/build.txt requirements/image.txt requirements/
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
# Each file has to have its hash of the lists; nothing is built, for what builds it would have none.
RUN python -m pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: \
       --requirement requirements/build.txt --requirement requirements/image.txt
# The project itself, which builds nothing either: its place is written down.
COPY pyproject.toml README.md ./
RUN mkdir -p src/stockstream && printf '"""%s"""\n__version__ = "0"\n' placeholder >src/stockstream/__init__.py \
    && python -m pip --python /opt/venv/bin/python install --no-index --no-deps --no-build-isolation --editable . \
    && python -m pip --python /opt/venv/bin/python uninstall --yes flit_core \
    # Sources and tests of the compiled packages: a third of them, and nothing reads them here.
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && find /opt/venv -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \) -delete
COPY src src
# The root is read-only later: what is not compiled now is compiled at every start.
RUN python -m compileall -q /opt/venv/lib src

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="stockstream" \
      org.opencontainers.image.description="Real-time stock ticks: Kafka to WebSocket" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 WEBSOCKET_HOST=0.0.0.0
WORKDIR /app
COPY --from=wheels /opt/venv /opt/venv
COPY --from=wheels /app/src src
COPY config config
COPY static static
COPY --from=vendor /build/vendor static/vendor
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["stockstream"]
CMD ["bridge"]
