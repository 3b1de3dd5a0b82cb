# What the images share. docker-bake.hcl builds its stages and hands them to the other files by name.
# The default base is Debian's Python, 3.13; docs/images.md tells how to hold it to a digest.
ARG BASE_IMAGE=debian:trixie-slim

# Runs on the builder's platform, whatever the target's: wheels are unpacked there, not run.
FROM --platform=$BUILDPLATFORM ${BASE_IMAGE} AS tools
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
COPY requirements/build.lock /src/requirements/
# The secret is a store of certificates, for a builder behind a proxy; without it nothing is mounted.
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --require-hashes --requirement /src/requirements/build.lock
ENV PATH=/opt/tools/bin:$PATH
COPY LICENSE README.md pyproject.toml /src/
COPY avvla /src/avvla
WORKDIR /src
ARG SOURCE_DATE_EPOCH
RUN hatchling build --target wheel --directory /dist
COPY docker/install.sh /usr/local/bin/install-avvla

# The project's own environment comes on top, at /opt/avvla. No user is made: the images run under any uid,
# so nothing may depend on an entry in /etc/passwd.
FROM ${BASE_IMAGE} AS runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old \
        /var/cache/ldconfig/aux-cache /var/lib/dpkg/*-old /var/log/*
ENV HF_HUB_DISABLE_TELEMETRY=1 \
    HOME=/tmp \
    PATH=/opt/avvla/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0 \
    PYTHONUNBUFFERED=1 \
    USER=avvla
