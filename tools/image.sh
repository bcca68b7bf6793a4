#!/bin/sh
# Build the training image, named after what it is made of: the first 12 digits of the sha256 over the locks and
# Dockerfile. `tools/image.sh name` only prints that name. KIND=cpu and gpu build those for the
# cloud, named ...-cpu and ...-gpu. LOCK=src/programs/NAME/requirements.lock builds that program's own.
# Building takes about a minute, with CUDA several.
set -eu
cd "$(dirname "$0")/.."

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

fail() {
    echo "$*" >&2
    exit 2
}

kind=${KIND:-local}
lock=${LOCK:-requirements-train.lock}
[ -f "$lock" ] || fail "LOCK=$lock is not there; legal: a lock's path in the project"
locks=$lock # a program's own lock is complete: what the cloud and GPUs add fits the project's alone
[ "$lock" != requirements-train.lock ] || locks="$lock requirements-cloud.lock requirements-gpu.lock"
# shellcheck disable=SC2086 # several words
name=harness-train:$(cat $locks Dockerfile | sha256 | cut -c 1-12)
[ "$kind" = local ] || name=$name-$kind
if [ "${1:-}" = name ]; then
    echo "$name"
    exit 0
fi
command -v docker >/dev/null || fail "no docker command; install Docker"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start one"
if docker image inspect "$name" >/dev/null 2>&1; then
    echo "Image $name: already there."
    exit 0
fi
pinned=$(sed -n 's/^ARG BASE=//p' Dockerfile)
base=${BASE:-$pinned}
if [ -z "${BASE:-}" ] && ! docker image inspect "$pinned" >/dev/null 2>&1 &&
    docker image inspect harness-base:bookworm >/dev/null 2>&1; then
    base=harness-base:bookworm
fi
hint=
[ "$base" != "$pinned" ] || hint="; where its base cannot be pulled, type: make base-image image"
[ "$kind" = gpu ] && size="some minutes, several GB" || size="about a minute, 2 GB"
echo "Image $name: building on $base; $size."
# A build like torch's +cpu is on an index that this machine's pip may know; the image's pip does not: it gets the files.
special=$(awk '/^[^ ]/ { own = /^[^ ;]*==[^ ;]*\+/ } own { sub(/ ;[^\\]*/, ""); print }' "$lock")
if [ -n "$special" ]; then
    files=$(mktemp -d)
    trap 'rm -rf "$files"' EXIT
    trap 'exit 130' INT TERM
    [ "$(docker version --format '{{.Server.Arch}}')" = arm64 ] && machine=aarch64 || machine=x86_64
    [ -x .venv/bin/python ] && python=.venv/bin/python || python=python3
    echo "$special" >"$files/special.lock"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --python-version 3.11 --platform "manylinux_2_28_$machine" --platform "manylinux2014_$machine" \
        --dest "$files" --requirement "$files/special.lock" ||
        fail "no package index that this machine knows has what $lock names; PIP_EXTRA_INDEX_URL=ADDRESS names one more"
    printf 'FROM %s\nCOPY *.whl /opt/wheels/\nENV PIP_FIND_LINKS=/opt/wheels\n' "$base" >"$files/Dockerfile"
    docker build --quiet --tag "$name-base" "$files" >/dev/null || fail "the image was not built; the lines above say why"
    base=$name-base
fi
# A newer builder would add a statement of provenance, and with it make an index of images, which SageMaker has refused.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1
# containerd's image store keeps OCI manifests unless it is told otherwise; SageMaker has refused those for endpoints.
output=
case $(docker info --format '{{.DriverStatus}}' 2>/dev/null) in
*io.containerd.snapshotter*) output="--output type=image,name=$name,oci-mediatypes=false" ;;
esac
# shellcheck disable=SC2086 # several words
docker build $output --tag "$name" --build-arg "KIND=$kind" --build-arg "BASE=$base" --build-arg "LOCK=$lock" \
    --build-arg "LOCK_SHA256=$(sha256 <"$lock")" . ||
    fail "the image was not built; the lines above say why$hint"
[ -z "$special" ] || docker rmi --no-prune "$name-base" >/dev/null
echo "Image $name: built."
