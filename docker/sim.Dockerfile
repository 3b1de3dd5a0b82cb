# The tools of the simulation host (`avvla alpasim`, `avvla carla`), without torch and GPU libraries.
# It holds no Docker client: `avvla alpasim up --print` shows what to run on the host itself, because a
# container with the engine's socket is root there. Built by docker-bake.hcl.
FROM --platform=$BUILDPLATFORM tools AS packages
ARG TARGETARCH
COPY requirements/sim.lock /src/requirements/
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    install-avvla /src/requirements/sim.lock "$TARGETARCH"

FROM runtime AS sim
COPY --link --from=packages /opt/avvla /opt/avvla
USER 1000:1000
WORKDIR /runs
ENTRYPOINT ["avvla"]
CMD ["alpasim", "--help"]
