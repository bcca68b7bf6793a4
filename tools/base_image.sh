#!/bin/sh
# Make the image harness-base:bookworm from Debian's packages, for places where no image registry answers.
# It holds Debian 12 with its Python 3.11 and this machine's certificates. Needs root, debootstrap and a Docker engine.
# About a minute. To make it anew: docker rmi harness-base:bookworm
set -eu
name=harness-base:bookworm

fail() {
    echo "$*" >&2
    exit 2
}

command -v docker >/dev/null || fail "no docker command; on Debian type: apt-get install docker.io"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start one, as root: dockerd"
if docker image inspect "$name" >/dev/null 2>&1; then
    echo "Base image $name: already there."
    exit 0
fi
command -v debootstrap >/dev/null || fail "no debootstrap command; on Debian type: apt-get install debootstrap"
[ "$(id -u)" = 0 ] || fail "debootstrap needs root; type: sudo make base-image"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
echo "Base image $name: Debian packages into a temporary folder; about a minute."
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder/debian" >"$folder/log" 2>&1 || {
    tail -n 20 "$folder/log" >&2
    fail "debootstrap failed; its last lines are above"
}
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -f "$certificates" ] || cp "$certificates" "$folder/debian$certificates"
rm -rf "$folder"/debian/var/cache/apt/archives/*.deb "$folder"/debian/var/lib/apt/lists/*
tar -C "$folder/debian" -c . | docker import --change 'CMD ["bash"]' - "$name" >/dev/null
echo "Base image $name: made."
