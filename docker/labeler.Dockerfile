# The Alpamayo labeller, x86_64, with its own versions of torch and transformers. Holds code only: weights
# come from a mounted hub cache and are never part of a layer, a token is an environment variable of the
# one container that fetches them. docs/labels.md has the commands. Built by docker-bake.hcl.
ARG LABELER_IMAGE=python:3.12-slim-bookworm
FROM ${LABELER_IMAGE} AS labeler

# git for install.sh; torch brings the CUDA libraries, the host its driver.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/labeler
COPY docker/labeler/install.sh docker/labeler/requirements.lock ./
RUN --mount=type=bind,from=tools,source=/opt/tools/bin/uv,target=/usr/local/bin/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never ./install.sh /opt/labeler
COPY docker/labeler/label.py docker/labeler/alpamayo.py docker/labeler/texts.py ./

ENV HF_HOME=/hub \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HOME=/tmp \
    PATH=/opt/labeler/venv/bin:$PATH \
    PYTHONHASHSEED=0 \
    USER=avvla
USER 1000:1000
ENTRYPOINT ["python", "/opt/labeler/label.py"]
