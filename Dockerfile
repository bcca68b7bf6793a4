# What training needs, at the versions of requirements-train.lock; no code of the project, which comes in a channel.
# KIND=cpu and gpu, for the cloud, add Comet; gpu adds CUDA. `make image` builds it and names it after this file and the
# locks. It asks for nothing that Docker's classic builder
# lacks. Where the default base cannot be pulled, `make base-image` makes another.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE}

# A virtual environment puts `python`, `python3` and `pip` first on the path, whichever of them the base has.
# HOME: any user may run the image, also one that it does not know.
# NVIDIA_*: without them NVIDIA's container runtime gives the container no GPU and no driver; no other runtime reads them.
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/tmp \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# A program's own lock is complete; to the project's the cloud and GPUs add theirs.
ARG LOCK=requirements-train.lock
COPY requirements-cloud.lock requirements-gpu.lock /opt/
COPY ${LOCK} /opt/lock/requirements.lock
ARG KIND=local

# pip trusts the base's certificates rather than its own copy, so that a base made behind a proxy works.
# Modules are compiled here, since the user of a container may not write them.
RUN python3 -m venv /opt/venv \
    && locks="--requirement /opt/lock/requirements.lock" \
    && if [ "${LOCK}" != requirements-train.lock ]; then kind=local; else kind="${KIND}"; fi \
    && if [ "${kind}" != local ]; then locks="${locks} --requirement /opt/requirements-cloud.lock"; fi \
    && if [ "${kind}" = gpu ]; then locks="${locks} --requirement /opt/requirements-gpu.lock"; fi \
    && PIP_CERT=/etc/ssl/certs/ca-certificates.crt pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes --compile ${locks} \
    && mkdir -p /opt/ml \
    && chmod 777 /opt/ml

ARG LOCK_SHA256=unknown
LABEL lock.sha256=${LOCK_SHA256}

CMD ["python"]
