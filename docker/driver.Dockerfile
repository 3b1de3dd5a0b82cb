# The driver service. `lean` has the canaries, `full` the learned agent as well (CUDA 13 from the wheels
# of torch: no CUDA base image), `carla-agent` the client of CARLA on top. Built by docker-bake.hcl, which
# gives `tools`, `runtime` and, for carla-agent, an image of Python 3.12.
ARG PYTHON312_IMAGE=python:3.12-slim-trixie

FROM --platform=$BUILDPLATFORM tools AS lean-packages
ARG TARGETARCH
COPY requirements/driver.lock /src/requirements/
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    install-avvla /src/requirements/driver.lock "$TARGETARCH"

FROM --platform=$BUILDPLATFORM tools AS full-packages
ARG TARGETARCH
COPY requirements/runtime.lock /src/requirements/
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    install-avvla /src/requirements/runtime.lock "$TARGETARCH"

FROM runtime AS lean
COPY --link --from=lean-packages /opt/avvla /opt/avvla
USER 1000:1000
EXPOSE 6000
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --start-interval=2s CMD ["avvla", "driver", "health"]
ENTRYPOINT ["avvla"]
CMD ["driver", "serve", "--policy", "route_follower", "--host", "0.0.0.0"]

FROM runtime AS full
COPY --link --from=full-packages /opt/avvla /opt/avvla
ENV AVVLA_DEVICE=cuda \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all
USER 1000:1000
EXPOSE 6000
HEALTHCHECK --interval=10s --timeout=10s --start-period=180s --start-interval=5s CMD ["avvla", "driver", "health"]
ENTRYPOINT ["avvla"]
CMD ["driver", "serve", "--policy", "smolvla", "--checkpoint", "/checkpoint", "--host", "0.0.0.0"]

# CARLA's wheels are for Python 3.12 on x86_64 and no later one, so this target has another base.
FROM ${PYTHON312_IMAGE} AS carla-agent
ENV AVVLA_DEVICE=cuda \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HOME=/tmp \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all \
    PATH=/opt/avvla/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0 \
    PYTHONUNBUFFERED=1 \
    USER=avvla
RUN --mount=type=bind,from=tools,source=/src,target=/src \
    --mount=type=bind,from=tools,source=/dist,target=/dist \
    --mount=type=bind,from=tools,source=/opt/tools/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,source=requirements/carla.lock,target=/carla.lock \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_LINK_MODE=copy \
    sh -euc 'uv venv --quiet --python /usr/local/bin/python3 /opt/avvla; \
    uv pip install --quiet --python /opt/avvla --only-binary :all: --no-binary docopt \
    --build-constraint /src/requirements/build.lock --require-hashes --requirement /carla.lock; \
    pip --quiet --python /opt/avvla install --no-compile --no-deps --no-index --find-links /dist avvla; \
    python3 -W ignore -m compileall -q --invalidation-mode unchecked-hash /opt/avvla/lib'
USER 1000:1000
ENTRYPOINT ["avvla"]
CMD ["carla", "doctor"]
