# Train, label, evaluate: all that `dvc repro` needs. The project is mounted at /project, because its code
# is a dependency that DVC hashes; data, work folder and DVC's cache are volumes. Built by docker-bake.hcl.
FROM --platform=$BUILDPLATFORM tools AS packages
ARG TARGETARCH
COPY requirements/pipeline.lock /src/requirements/
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache \
    install-avvla /src/requirements/pipeline.lock "$TARGETARCH"

FROM runtime AS pipeline
# git for DVC, which works on a checkout; that may be of another user than the container's, which git
# refuses by default.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && git config --system --add safe.directory /project \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old \
        /var/cache/ldconfig/aux-cache /var/lib/dpkg/*-old /var/log/*
COPY --link --from=packages /opt/avvla /opt/avvla
COPY --link docker/pipeline.sh /usr/local/bin/pipeline
ENV AVVLA_DATA=/data \
    AVVLA_WORK=/work \
    DVC_NO_ANALYTICS=1 \
    DVC_SITE_CACHE_DIR=/tmp/dvc \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all
USER 1000:1000
WORKDIR /project
ENTRYPOINT ["pipeline"]
CMD ["repro"]
