# The bill of materials of an image of ours, made beside it by build-image.sh: what its virtual
# environment has, and the dashboard's libraries. Its context is the repository.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG IMAGE=stockstream:dev
FROM ${IMAGE} AS image

FROM ${PYTHON_IMAGE}
WORKDIR /sbom
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/sbom.txt ./
# In an environment of its own: what it needs is not in the image.
RUN python -m venv --without-pip /opt/tool \
    && python -m pip --python /opt/tool/bin/python install --require-hashes --only-binary :all: --requirement sbom.txt
COPY --from=image /opt/venv /opt/venv
COPY pyproject.toml src/stockstream/ops/bill.py static/package-lock.json ./
RUN /opt/tool/bin/cyclonedx-py environment --output-reproducible --output-file python.json \
      --pyproject pyproject.toml /opt/venv/bin/python \
    && /opt/tool/bin/python bill.py python.json package-lock.json >sbom.json
CMD ["cat", "sbom.json"]
