#!/bin/sh
# Make .venv from requirements.lock: tools/venv.sh PYTHON. `make venv` calls it when the lock is newer than the stamp.
# The stamp .venv/installed is written last, so that an interrupted install is done again.
set -eu
cd "$(dirname "$0")/.."
python=$1

fail() {
    echo "$*" >&2
    exit 2
}

# Emptying what a link leads to would take another checkout's environment away.
[ ! -L .venv ] || fail ".venv is a link to $(readlink .venv), and requirements.lock is newer than its packages;" \
    "legal: an environment of its own; type: rm .venv && make venv"

# The command to type names an interpreter that this machine has, where it has one.
for other in python3.12 python3.11 /path/to/python3.12; do
    "$other" -c '' 2>/dev/null && break
done
legal="legal: 3.11 and 3.12; type: make ${MAKECMDGOALS:-venv} PYTHON=$other"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || fail "PYTHON=$python does not run; $legal"
case $version in
    3.11 | 3.12) ;;
    *) fail "PYTHON=$python is Python $version; $legal" ;;
esac
# The interpreter behind an active environment: .venv itself may be active, and is emptied below.
base=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", None) or sys.executable)')
"$base" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "PYTHON=$python cannot make environments with pip; on Debian and Ubuntu type: apt-get install python$version-venv"

echo "Environment: Python $version, $(grep -c '^[a-z]' requirements.lock) packages from requirements.lock into .venv;" \
    "a minute on a fast line, 3 GB on disk."
rm -f .venv/installed
"$base" -m venv --clear .venv
mkdir -p .venv/tmp
# pip installs the pinned uv, by its block of the lock; uv installs the rest, several times faster.
awk '/^[^ ]/ { own = /^uv==/ } own' requirements.lock >.venv/tmp/uv.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement .venv/tmp/uv.lock
quiet=
[ -t 2 ] || quiet=--quiet # a terminal gets uv's progress bars; a log file does not need 250 names
# Compiled here, once and by all cores, rather than at each first import; some machines never keep compiled modules.
.venv/bin/uv pip sync $quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
rm -r .venv/tmp
touch .venv/installed
