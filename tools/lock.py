"""Write requirements.lock, its parts for images and that of the crate validator: versions, markers and hashes alone.

    make lock                        keep every version that requirements.lock names
    make upgrade                     move all versions
    make upgrade ARGS="numpy ruff"   move these and what they force
    python tools/lock.py --check     exit 1 if the locks do not fit the requirements; without network

uv resolves once for all platforms; the locks keep the hashes of the files that CPython 3.11 and 3.12 install on
Linux and macOS, and of a source archive only where 64-bit x86 Linux has no built file to install.
A program's requirements, src/programs/NAME/requirements.txt, get a lock of their own beside them, with the project's
versions where those will do. PIP_FIND_LINKS and PIP_EXTRA_INDEX_URL name more places to find files, as for pip; where
a file that a program's lock pins is in none of them, that lock stays as it is.
The training lock is the part of the whole lock that requirements-train.txt needs, line for line; those for the
cloud and for GPUs are what requirements-cloud.txt and requirements-gpu.txt need beyond it.
"""

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
CRATE = "tests/requirements-crate"
LOCKS = {  # requirements by file, with the locks that are installed together for them
    "requirements.txt": ("requirements.lock",),
    "requirements-train.txt": ("requirements-train.lock",),
    "requirements-cloud.txt": ("requirements-train.lock", "requirements-cloud.lock"),
    "requirements-gpu.txt": ("requirements-train.lock", "requirements-gpu.lock"),
    f"{CRATE}.txt": (f"{CRATE}.lock",),
}
PYTHONS = ((3, 11), (3, 12))
PLATFORM = re.compile(r"any|(manylinux|linux).*_(x86_64|aarch64)|macosx_.*_(x86_64|arm64|universal2)")
LINUX = re.compile(r"any|(manylinux|linux).*_x86_64")
MACHINES = (
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
    ("darwin", "Darwin", "x86_64"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the locks, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the locks are out of date")
    parser.add_argument("--upgrade", action="store_true", help="move all versions, or those of the packages named")
    parser.add_argument("packages", nargs="*", help="with --upgrade: move these alone")
    args = parser.parse_args()
    if args.check and args.upgrade:
        parser.error("--check and --upgrade exclude each other")
    if args.check:
        fault = next(faults(ROOT), None)
        raise SystemExit(fault and f"{fault}; type: make lock")
    whole_lock = ROOT / "requirements.lock"
    pins = read_pins(whole_lock) if whole_lock.exists() else []
    if args.upgrade:
        move = {canonicalize_name(name) for name in args.packages}
        pins = [pin for pin in pins if move and canonicalize_name(pin.partition("==")[0]) not in move]
    whole = resolve(ROOT / "requirements.txt", pins)
    kept = [header for header, _ in whole]
    needed = {name_of(header) for header, _ in resolve(ROOT / "requirements-train.txt", kept)}
    train = [block for block in whole if name_of(block[0]) in needed]
    write(whole_lock, whole)
    write(ROOT / "requirements-train.lock", train)
    for kind in ("cloud", "gpu"):
        more = resolve(ROOT / f"requirements-{kind}.txt", kept)
        write(ROOT / f"requirements-{kind}.lock", [each for each in more if name_of(each[0]) not in needed])
    if f"{CRATE}.txt" in all_locks(ROOT):
        write(ROOT / f"{CRATE}.lock", resolve(ROOT / f"{CRATE}.txt", own_pins(CRATE, args.upgrade)))
    for name in own(ROOT):
        had = own_pins(name, args.upgrade)
        fixed = {canonicalize_name(name_of(pin)) for pin in had}
        others = [pin for pin in kept if canonicalize_name(name_of(pin)) not in fixed]
        try:
            write(ROOT / f"{name}.lock", resolve_near(ROOT / f"{name}.txt", had, others))
        except subprocess.CalledProcessError:
            keep(ROOT, name)


def faults(root: Path) -> Iterator[str]:
    """Each fault of the locks below `root` in one line, as far as the files alone tell: nothing is resolved."""
    missing = [name for names in all_locks(root).values() for name in names if not (root / name).exists()]
    if missing:
        yield f"{missing[0]} is missing"
    else:
        yield from unsatisfied(root)
        yield from inconsistent(root)


def unsatisfied(root: Path) -> Iterator[str]:
    """Requirements that no pin satisfies on some machine of ours."""
    for asking, names in all_locks(root).items():
        pins = [Requirement(pin) for name in names for pin in read_pins(root / name)]
        for requirement in requirements(root / asking):
            if not all(satisfied(requirement, pins, environment) for environment in environments()):
                yield f"{names[-1]} does not satisfy {requirement} of {asking}"


def inconsistent(root: Path) -> Iterator[str]:
    """Differences between the locks that are installed by themselves and the whole lock.

    The training lock is a part of the whole lock, line for line. The locks for the cloud and for GPUs are installed
    beside the training lock and hold nothing of it; what they share with the whole lock has the same version there.
    """
    whole, train, cloud, gpu = (
        read_blocks(root / f"requirements{kind}.lock") for kind in ("", "-train", "-cloud", "-gpu")
    )
    for header, hashes in train.items():
        if hashes != whole.get(header):
            yield f"requirements-train.lock and requirements.lock differ in {header}"
    whole_names, train_names = ({name_of(header) for header in blocks} for blocks in (whole, train))
    whole_versions = {header.partition(" ")[0] for header in whole}
    for kind, blocks in (("cloud", cloud), ("gpu", gpu)):
        for header in blocks:
            if name_of(header) in train_names:
                yield f"requirements-{kind}.lock and requirements-train.lock both hold {name_of(header)}"
            elif name_of(header) in whole_names and header.partition(" ")[0] not in whole_versions:
                yield f"requirements-{kind}.lock and requirements.lock differ in {header}"


def requirements(path: Path) -> Iterator[Requirement]:
    """The requirements of a file and of the files that it includes."""
    for line in path.read_text().splitlines():
        asked = line.partition("#")[0].strip()
        if asked.startswith("-r "):
            yield from requirements(path.parent / asked.removeprefix("-r ").strip())
        elif asked:
            yield Requirement(asked)


def satisfied(requirement: Requirement, pins: Iterable[Requirement], environment: dict[str, str]) -> bool:
    """Whether a pin satisfies the requirement on that machine, if it applies there."""
    if requirement.marker and not requirement.marker.evaluate(environment):
        return True
    return any(
        canonicalize_name(pin.name) == canonicalize_name(requirement.name)
        and (not pin.marker or pin.marker.evaluate(environment))
        and requirement.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True)
        for pin in pins
    )


def own(root: Path) -> list[str]:
    """The programs with requirements of their own, as paths in the project without an ending."""
    found = sorted(root.glob("src/programs/*/requirements.txt"))
    return [path.relative_to(root).with_suffix("").as_posix() for path in found]


def all_locks(root: Path) -> dict[str, tuple[str, ...]]:
    """The locks of the project and of its programs; a project that was made from the template has no validator."""
    locks = {name: each for name, each in LOCKS.items() if name != f"{CRATE}.txt" or (root / name).exists()}
    return locks | {f"{name}.txt": (f"{name}.lock",) for name in own(root)}


def resolve_near(asking: Path, pins: list[str], others: list[str]) -> list[tuple[str, list[str]]]:
    """`resolve` with these pins, and with the others too where they allow it."""
    try:
        return resolve(asking, [*pins, *others])
    except subprocess.CalledProcessError:
        print(f"{asking.relative_to(ROOT)}: the project's versions do not do")
        return resolve(asking, pins)


def keep(root: Path, name: str) -> None:
    """Keep a program's lock that cannot be resolved here, as long as it has what is required."""
    lock = root / f"{name}.lock"
    if not lock.exists() or any(fault.startswith(f"{name}.lock ") for fault in unsatisfied(root)):
        what = f"{name}.txt cannot be resolved with the package indexes that are known"
        raise SystemExit(f"{what}; name one more: PIP_EXTRA_INDEX_URL=ADDRESS make lock")
    print(f"{name}.lock: kept as it is; no package index that is known has all of it")


def own_pins(name: str, upgrade: bool) -> list[str]:
    lock = ROOT / f"{name}.lock"
    return read_pins(lock) if lock.exists() and not upgrade else []


def read_pins(lock: Path) -> list[str]:
    """The lines `name==version ; marker` of a lock, without hashes."""
    return [line.rstrip(" \\\n") for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]


def read_blocks(lock: Path) -> dict[str, list[str]]:
    """`name==version ; marker` to the lines of its hashes."""
    blocks: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if line.startswith(" "):
            blocks[next(reversed(blocks))].append(line.strip(" \\"))
        else:
            blocks[line.rstrip(" \\")] = []
    return blocks


def name_of(header: str) -> str:
    return header.partition("==")[0]


def resolve(asking: Path, pins: Iterable[str]) -> list[tuple[str, list[str]]]:
    """(`name==version ; marker`, sorted hashes) of each package that some machine of ours needs, sorted.

    Runs in a temporary folder, since uv's own file names addresses.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints, answer = Path(folder, "pins.txt"), Path(folder, "pylock.toml")
        constraints.write_text("\n".join(pins))
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--format", "pylock.toml", "--constraint", str(constraints)]
        command += ["--output-file", str(answer), str(asking)]
        subprocess.run(command, env=places(), check=True)
        packages = tomllib.loads(answer.read_text())["packages"]
    return sorted((header(package), hashes(package)) for package in packages if needed_somewhere(package))


def places() -> dict[str, str]:
    """The environment in which uv looks for files where pip does; every index may have the newest version."""
    links, indexes = (os.environ.get(f"PIP_{name}", "").split() for name in ("FIND_LINKS", "EXTRA_INDEX_URL"))
    more = {"UV_FIND_LINKS": ",".join(links)} if links else {}
    if indexes:
        more |= {"UV_EXTRA_INDEX_URL": " ".join(indexes), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {**os.environ, **more}


def header(package: dict[str, Any]) -> str:
    marker = f" ; {package['marker']}" if "marker" in package else ""
    return f"{package['name']}=={package['version']}{marker}"


def needed_somewhere(package: dict[str, Any]) -> bool:
    """False for what only other systems or other Pythons install."""
    return "marker" not in package or any(
        Marker(package["marker"]).evaluate(environment) for environment in environments()
    )


def environments() -> Iterable[dict[str, str]]:
    for (major, minor), (platform, system, machine) in itertools.product(PYTHONS, MACHINES):
        yield {
            "python_version": f"{major}.{minor}",
            "python_full_version": f"{major}.{minor}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": platform,
            "platform_system": system,
            "platform_machine": machine,
        }


def hashes(package: dict[str, Any]) -> list[str]:
    """sha256 of every wheel that a machine of ours can install, and of the source archive where Linux has none."""
    tags = {file_sha256(wheel): parse_wheel_filename(file_name(wheel))[3] for wheel in package.get("wheels", [])}
    usable = {sha for sha, wheel_tags in tags.items() if any(fits(tag, PLATFORM, PYTHONS) for tag in wheel_tags)}
    every_tag = [tag for wheel_tags in tags.values() for tag in wheel_tags]
    covered = all(any(fits(tag, LINUX, [python]) for tag in every_tag) for python in wanted_pythons(package))
    if not covered and "sdist" in package:
        usable.add(file_sha256(package["sdist"]))
    if not usable:
        raise SystemExit(f"{header(package)}: no file of it installs on CPython 3.11 or 3.12 on Linux or macOS")
    return sorted(usable)


def wanted_pythons(package: dict[str, Any]) -> list[tuple[int, int]]:
    """The Pythons that this entry is for: a package may stand in the lock once for each."""
    if "marker" not in package:
        return list(PYTHONS)
    found = {
        tuple(int(part) for part in environment["python_version"].split("."))
        for environment in environments()
        if Marker(package["marker"]).evaluate(environment)
    }
    return [python for python in PYTHONS if python in found]


def fits(tag: Tag, platform: re.Pattern[str], pythons: Iterable[tuple[int, int]]) -> bool:
    """Whether a file with this tag installs on one of these Pythons on such a platform."""
    if not platform.fullmatch(tag.platform):
        return False
    for major, minor in pythons:
        own = f"cp{major}{minor}"
        if tag.interpreter == own and tag.abi in (own, "abi3", "none"):
            return True
        older = re.fullmatch(r"cp3(\d+)", tag.interpreter)
        if older and tag.abi == "abi3" and int(older[1]) <= minor:
            return True
        plain = re.fullmatch(r"py3(\d*)", tag.interpreter)
        if plain and tag.abi == "none" and int(plain[1] or 0) <= minor:
            return True
    return False


def file_name(file: dict[str, Any]) -> str:
    """The file's name as given, or the last part of its address."""
    return str(file["name"]) if "name" in file else str(file["url"]).rpartition("/")[2].partition("#")[0]


def file_sha256(file: dict[str, Any]) -> str:
    return str(file["hashes"]["sha256"])


def write(path: Path, blocks: list[tuple[str, list[str]]]) -> None:
    text = "".join(
        " \\\n".join([header, *(f"    --hash=sha256:{sha}" for sha in shas)]) + "\n" for header, shas in blocks
    )
    if not path.exists() or path.read_text() != text:  # an unchanged lock keeps its time, and .venv stands
        path.write_text(text)
    print(f"{path.relative_to(ROOT)}: {len(blocks)} packages, {len(text) // 1000} kB")


if __name__ == "__main__":
    main()
