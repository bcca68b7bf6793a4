import ast
import configparser
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.support.lacking import lacking

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"

# Who may import what: paths below src/; a folder ends with "/".
IMPORTERS = {
    "optuna": ("harness/sweep/",),
    "hydra": ("harness/settings/", "hydra_plugins/"),
    "omegaconf": ("harness/settings/",),
    "dvc": ("harness/data/",),
    "sagemaker": ("harness/launch/", "harness/cloud/"),
    "docker": ("harness/launch/",),
    "boto3": ("harness/cloud/", "harness/tracking/inside.py"),
    "botocore": ("harness/cloud/",),
    "comet_ml": ("harness/tracking/",),
    "pandas": ("harness/report/notebook.py",),
    "plotly": ("harness/report/",),
    "rocrate": ("harness/sharing/",),
    "tensorflow": ("harness/frameworks/", "programs/"),
    "keras": ("harness/frameworks/", "programs/"),
    "scipy": ("programs/",),
}
PURE = ("contract", "evidence/verdict.py", "evidence/significance.py", "evidence/band.py")  # below src/harness
PURE_MAY_IMPORT = {"contract", "evidence"}
# Bracketed letters keep the patterns from matching this file.
REGISTRIES = (
    r"py[p]i\.org|python[h]osted\.org|registry\.np[m]js|deb\.deb[i]an\.org|security\.deb[i]an|archive\.ub[u]ntu"
    r"|(index|registry-1|auth)\.dock[e]r\.io|crates\.i[o]|anac[o]nda\.org"
)
MACHINE_PATHS = r"(^|[^A-Za-z0-9_.})/])/(ro[o]t|ho[m]e|Us[e]rs|wo[r]k)/"
SECRETS = (
    r"(AK[I]A|AS[I]A)[A-Z0-9]{16}|-----BEGI[N] [A-Z ]*PRIVATE"
    r"|([Aa][Pp][Ii]_[Kk][Ee][Yy]|[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Pp]assword|PASSWORD)"
    r"[\"']?[ ]*[=:][ ]*[\"']?[A-Za-z0-9/+]{20,}"
)


def lock_blocks(text: str) -> dict[str, list[str]]:
    """`name==version ; marker` to its sorted hashes."""
    blocks: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(" "):
            blocks[next(reversed(blocks))].append(line.strip(" \\"))
        else:
            blocks[line.rstrip(" \\")] = []
    return blocks


def locked(name: str) -> dict[str, list[str]]:
    return lock_blocks((ROOT / name).read_text())


def pins(blocks: dict[str, list[str]]) -> dict[str, str]:
    """Name to version of what applies to this interpreter and system."""
    applying = [header.partition(" ; ") for header in blocks]
    return dict(pin.split("==") for pin, _, marker in applying if not marker or Marker(marker).evaluate())


def test_the_training_lock_is_a_part_of_the_whole_lock():
    whole, train = locked("requirements.lock"), locked("requirements-train.lock")
    assert "tensorflow" in pins(train)
    assert train == {header: whole.get(header) for header in train}


def test_every_package_is_locked_to_one_version_by_hash():
    for header, hashes in locked("requirements.lock").items():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][^ ]*( ; .+)?", header)
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", sha) for sha in hashes), header


def test_locks_are_what_the_requirements_ask_for():
    for kind in ("requirements", "requirements-train"):
        asked = re.findall(r"^[A-Za-z][\w.-]*", (ROOT / f"{kind}.txt").read_text(), re.MULTILINE)
        names = {header.partition("==")[0] for header in locked(f"{kind}.lock")}
        assert {re.sub(r"[-_.]+", "-", name).lower() for name in asked} <= names


def test_what_is_installed_is_what_is_locked():
    installed = {one.name: one.version for one in importlib.metadata.distributions()}
    normal = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in installed.items()}
    expected = pins(locked("requirements.lock"))
    assert {name: normal.get(name) for name in expected} == expected


def test_this_python_is_one_that_the_project_promises():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    assert (3, 11) <= sys.version_info[:2] < (3, 13)


@pytest.mark.docker
def test_the_image_holds_exactly_the_training_lock(training_image):
    code = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps([sys.version_info[:2], {d.name: d.version for d in m.distributions()}]))"
    )
    run = ["docker", "run", "--rm", "--user", "12345:12345", training_image, "python", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    version, installed = json.loads(done.stdout)
    assert version == [3, 11]
    found = {re.sub(r"[-_.]+", "-", name).lower(): number for name, number in installed.items()}
    expected = pins(locked("requirements-train.lock"))
    came_with_venv = {"pip", "setuptools"} - expected.keys()
    assert {name: number for name, number in found.items() if name not in came_with_venv} == expected


@pytest.mark.docker
def test_the_image_holds_no_secret_of_whoever_built_it(training_image):
    told = [
        subprocess.run(["docker", *words, training_image], capture_output=True, text=True, check=True).stdout
        for words in (("inspect",), ("history", "--no-trunc"))
    ]
    told.append(
        subprocess.run(
            [
                "docker",
                "run",
                "--rm",
                training_image,
                "sh",
                "-c",
                "env; find / -xdev -newer /etc/os-release -name '.*'",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert "requirements-train.lock" in told[1]
    for word in ("AWS_", "COMET_", "TOKEN", "PASSWORD", ".aws", ".comet.config", ".netrc", ".pypirc"):
        assert not [text for text in told if word in text], word


def image_name() -> str:
    command = ["sh", str(ROOT / "tools/image.sh"), "name"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_image_is_named_alike_by_the_shell_and_by_python():
    from harness.launch import engine

    assert image_name() == engine.image_name(ROOT)


def git(*arguments: str) -> str:
    """What git prints; `git grep` ends with 1 where it finds nothing."""
    if not (ROOT / ".git").exists():
        lacking("not a git clone")
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS, SECRETS], ids=["registry", "machine path", "secret"])
def test_no_file_in_git_names_a(pattern):
    assert git("grep", "-nIE", pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRIES, "https://files.python" + "hosted.org/x"),
        (MACHINE_PATHS, 'open("/ho' + 'me/ann/x")'),
        (SECRETS, "AK" + "IA" + "A" * 16),
        (SECRETS, "api" + '_key = "' + "k" * 32 + '"'),
    ],
)
def test_the_patterns_find_what_they_are_for(tmp_path, pattern, text):
    (tmp_path / "file").write_text(text)
    done = subprocess.run(["git", "grep", "--no-index", "-qE", pattern], cwd=tmp_path, check=False)
    assert done.returncode == 0


def test_every_file_in_git_is_under_300_kb():
    sizes = {
        path: (ROOT / path).stat().st_size for path in git("ls-files", "-z").split("\0") if (ROOT / path).is_file()
    }
    assert {path: size for path, size in sizes.items() if size >= 300_000} == {}


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, at its top or inside functions; `from a import b` gives a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(SRC).parts[: -node.level]) if node.level else ""
            source = ".".join(part for part in (package, node.module) if part)
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("package", sorted(IMPORTERS))
def test_only_its_own_modules_know(package):
    knows = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        if package in {name.partition(".")[0] for name in imports(path)}
    }
    assert {path for path in knows if not path.startswith(IMPORTERS[package])} == set()


@pytest.mark.parametrize("place", PURE)
def test_the_pure_middle_imports_the_standard_library_alone(place):
    where = SRC / "harness" / place
    for path in sorted(where.glob("*.py")) if where.is_dir() else [where]:
        for name in imports(path):
            top, _, rest = name.partition(".")
            own = top == "harness" and rest.partition(".")[0] in PURE_MAY_IMPORT
            assert top in sys.stdlib_module_names or own, (path.name, name)


def test_what_commands_leave_by_default_is_no_change_of_the_project():
    left = ("20260101T000000Z-00000000.zip", "report.html", "runs/x", "results/x", ".cache/dvc/x", "data")
    for name in left:
        assert subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False).returncode == 0, name


def test_dvc_keeps_what_it_unpickles_in_the_project():
    config = configparser.ConfigParser()
    config.read_string((ROOT / ".dvc" / "config").read_text().replace("    ", ""))
    place = Path(config["core"]["site_cache_dir"])  # by default in /var/tmp, where anybody may write
    assert not place.is_absolute() and place.parts[0] == ".cache" and ".." not in place.parts
