"""Plant more than a hundred secrets around a training, and look for them in all that is left: `make planted`.

`python tools/planted.py [here]` prints where each stood and where it was found again, and ends with 1 if any was. They
stand in tracked changes, untracked files, commits, branches, remotes, file names, the environment, the home folder, the
configuration of DVC and Comet, and on command lines. The tiny program is trained among them and made nosy: it prints
its environment and the files of the home folder; another run fails with a password as its reason. Then come export,
report, a sweep with DVC's experiments, a stand-in for Comet, and a burst to a stand-in for AWS (`here`: neither sweep
nor burst). Everything that is left is unpacked and searched: for each secret as it is, escaped, in base 64, in UTF-16.
"""

import argparse
import gzip
import hashlib
import io
import itertools
import json
import logging
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from harness.provenance.credentials import forms  # noqa: E402
from tests.support.planted import KINDS, of, planted  # noqa: E402
from tests.support.projects import git, make_project, runs  # noqa: E402

TINY = ("program=tiny", "mode.threads=1", "epochs=2")
HERE = (*TINY, "mode.runner=process")
AROUND = "".join(f"line {number}\n" for number in range(3))
# Untracked files: known by their names, whatever they hold; told by their content; carried where the user names them.
BY_NAME = (
    *("conf/prod.env", "src/.envrc", "src/server.pem", "src/id_rsa", "conf/deploy_ed25519", "src/.netrc", ".npmrc"),
    *(".pypirc", ".git-credentials", "src/.pgpass", "src/kubeconfig", "src/infra/terraform.tfstate", "src/a.tfvars"),
    *("src/service-account-1.json", "conf/client_secret_2.json", "conf/credentials.csv", "src/.aws/config"),
    *("src/.docker/config.json", "src/kaggle.json", "src/app.keystore", "src/office.ovpn", "carried/secrets.toml"),
)
BY_CONTENT = {
    "src/login.py": "password in Python",
    "conf/mine.yaml": "password in YAML",
    "conf/other.json": "password in JSON",
    "conf/other.toml": "key in TOML",
    "src/start.sh": "AWS secret in a shell",
    "src/fetch_all.sh": "curl",
    "src/db.py": "address",
    "src/hook.py": "Slack hook",
    "src/session.txt": "JSON web token",
    "src/notes.md": "Hugging Face",
    "src/model.py": "OpenAI project",
    "Dockerfile.mine": "Comet",
    "requirements-mine.txt": "address with odd letters",
    "src/ci.yml": "bearer",
    "src/pay.py": "Stripe live",
    "src/tunnel.txt": "WireGuard",
    "src/storage.cfg": "Azure storage",
    "src/bot.py": "Telegram",
    "src/mail.py": "SendGrid",
    "carried/settings.ini": "connection",
    "carried/login.xml": "XML",
}
TRACKED = {  # kind: what is done to a committed file
    "GitLab": "added",
    "Anthropic": "added",
    "Google key": "added",
    "Slack bot": "removed",
    "npm": "removed",
    "Databricks": "removed",
    "private key": "deleted",
    "PyPI": "deleted",
    "Vault": "beside a change",
    "DigitalOcean": "beside a change",
    "Docker Hub": "renamed",
    "Discord": "renamed",
    "Google client": "in bytes",
    "Mapbox": "in UTF-16",
}
VARIABLES = {  # in an address or a command line that the variable holds, or alone
    "GITHUB_TOKEN": "GitHub classic",
    "OPENAI_API_KEY": "OpenAI classic",
    "MY_DB_PASSWORD": "space",
    "DATABASE_URL": "address",
    "https_proxy": "address",
    "WANDB_API_KEY": "Weights & Biases",
    "SSHPASS": "cookie",
    "SLACK_HOOK": "Slack hook",
    "GH_PAT": "GitHub app",
    "AZURE_STORAGE_KEY": "Azure storage",
    "PLAIN_NAME": "Tailscale",
    "CI_REGISTRY": "authorization in an address",
}
HOME = {
    ".netrc": "netrc",
    ".aws/credentials": "AWS session",
    ".comet.config": "key in TOML",
    ".git-credentials": "address",
    ".npmrc": "npmrc",
    ".pypirc": "password in YAML",
    ".pgpass": "pgpass",
    ".kaggle/kaggle.json": "Kaggle",
    ".docker/config.json": "Docker login",
    ".cache/huggingface/token": "Hugging Face",
    ".ssh/id_ed25519": "OpenSSH key",
    ".config/gh/hosts.yml": "GitHub fine-grained",
}
TYPED = {  # each is refused, and repeated nowhere
    "data.url=https://example.org/x?access_token=": "signing key",
    "data.archive=/tmp/": "GitHub classic",
    "comet.project=": "GitLab runner",
    "sweep=": "npm",
    "publish=out-": "Stripe restricted",
    "runs_folder=": "Docker Hub",
    "carry=": "Alibaba",
}
# What the tiny program is made to do: print all that it sees, and fail with a password where it is told to.
NOSY = """

def _tell() -> None:
    import os
    from pathlib import Path

    for name, value in os.environ.items():
        print("environment", name, value, flush=True)
    for name in {names}:
        path = Path.home() / name
        if path.is_file():
            print(path.read_text(errors="replace"), flush=True)
    if "NOSY_FAILS" in os.environ:
        raise RuntimeError("no login with " + (Path.home() / ".netrc").read_text())


_tell()
"""


@dataclass
class Planting:
    """A secret, its kind, what it stands in, and the files that may hold it: where it was planted, or git keeps it."""

    kind: str
    where: str
    secret: str
    own: tuple[str, ...]
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.needles = {*forms(self.secret.encode()), self.secret.encode("utf-16-le")}


class Field:
    """A copy of the project, a home and a folder for temporary files, with what is planted in them."""

    def __init__(self, folder: Path) -> None:
        self.plantings: list[Planting] = []
        self.home, self.temporary = folder / "home", folder / "tmp"
        for path in (self.home, self.temporary):
            path.mkdir()
        self.project = make_project(folder / "project")
        training = self.project / "src/programs/tiny/training.py"
        training.write_text(training.read_text() + NOSY.format(names=[*HOME]))
        (self.project / "runs").mkdir()
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.said: dict[str, str] = {}  # all that commands print
        self.elsewhere: dict[str, bytes] = {}  # what others got

    def line(self, kind: str, where: str, *own: str) -> str:
        """A line with a new secret of that kind."""
        line, secret = planted(kind, where)
        self.plantings.append(Planting(kind, where, secret, own))
        return line

    def write(self, name: str, content: str | bytes) -> None:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def plant(self) -> None:
        """Plant all but what is typed."""
        self._tracked()
        kinds = itertools.cycle(KINDS)
        for name in BY_NAME:
            self.write(name, self.line(next(kinds), name, name) + "\n")
        for name, kind in BY_CONTENT.items():
            self.write(name, f"{AROUND}{self.line(kind, name, name)}\n{AROUND}")
        notebook = {"cells": [{"outputs": [{"text": [self.line("GitHub classic", "notebook", "src/a.ipynb")]}]}]}
        self.write("src/a.ipynb", json.dumps(notebook))
        account = {"private_key": self.line("PGP key", "JSON with a key", "conf/account.json") + "\n"}
        self.write("conf/account.json", json.dumps(account))
        _, name = planted("GitLab", "file name")
        self.plantings.append(Planting("GitLab", "file name", name, (f"src/{name}.txt",)))
        self.write(f"src/{name}.txt", "x\n")
        for name, kind in HOME.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.line(kind, f"~/{name}", name, "src/copied.txt") + "\n")
        for name, kind in VARIABLES.items():
            self.environment[name] = self.line(kind, f"${name}", "src/copied.txt")
        self.environment["DEPLOY_KEY"] = "\n".join(of(f"deploy{number}", 64) for number in range(3))
        self.plantings.append(Planting("key of lines", "$DEPLOY_KEY", of("deploy1", 64), ("src/copied.txt",)))
        self.environment["COMET_API_KEY"] = key = of("comet", 40)
        self.plantings.append(Planting("Comet", "$COMET_API_KEY", key, ("src/copied.txt",)))
        # values of the environment as they are, beside no name
        self.write(
            "src/copied.txt", "\n".join(self.environment[name] for name in ("GITHUB_TOKEN", "DEPLOY_KEY")) + "\n"
        )
        self.write("src/harmless.txt", "carried\n")
        self.write("carried/harmless.txt", "carried where it is named\n")

    def _tracked(self) -> None:
        """Changes of what is committed, and what git says of itself."""
        changes = {}
        for kind, change in TRACKED.items():
            name = f"src/kept {kind}.txt"
            secret = self.line(kind, f"{change} line or file", name, f"{name}.moved", ".git/")
            before, now = (f"{AROUND}{secret}\n{AROUND}", f"{AROUND}{secret}\n{AROUND}changed\n")
            if change in ("added", "in bytes", "in UTF-16"):
                before = AROUND
            changes[name] = {
                "removed": AROUND,
                "deleted": None,
                "beside a change": f"{AROUND}{secret}\nnew\n{AROUND}",
                "in bytes": b"\0\1" + now.encode(),
                "in UTF-16": now.encode("utf-16"),
            }.get(change, now)
            self.write(name, before)
        self.write(".dvc/config", (self.project / ".dvc/config").read_text())
        git(self.project, "add", "-A")
        git(self.project, "commit", "-m", self.line("Hugging Face", "subject of a commit", ".git/"))
        git(
            self.project,
            "commit",
            "--allow-empty",
            "-m",
            "x",
            "-m",
            self.line("PuTTY key", "body of a commit", ".git/"),
        )
        git(self.project, "checkout", "-b", f"try-{self.line('npm', 'branch', '.git/').replace(' ', '-')}")
        git(self.project, "tag", self.line("Databricks", "tag", ".git/"))
        for remote, form in (
            ("origin", "https://me:{}@example.org/a.git"),
            ("fork", "gcrypt::https://{}@example.org/a"),
        ):
            secret = of(remote, 22)
            self.plantings.append(Planting("address", f"remote {remote}", secret, (".git/",)))
            git(self.project, "remote", "add", remote, form.format(secret))
        for name, content in changes.items():
            if content is None:
                (self.project / name).unlink()
            else:
                self.write(name, content)
            if TRACKED.get(name.removeprefix("src/kept ").removesuffix(".txt")) == "renamed":
                (self.project / name).rename(self.project / f"{name}.moved")
        remote = self.line("address", ".dvc/config", ".dvc/config")
        self.write(".dvc/config", (self.project / ".dvc/config").read_text() + f"['remote \"far\"']\n    {remote}\n")
        local = self.line("AWS secret in a shell", ".dvc/config.local", ".dvc/config.local").partition("=")[2]
        self.write(".dvc/config.local", f"['remote \"far\"']\n    secret_access_key = {local}\n")
        self.write(".comet.config", f"[comet]\napi_key = {self.line('Figma', '.comet.config', '.comet.config')}\n")

    def type_in(self, verb: str, *words: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """A command, which ends with that code; what it prints."""
        command = [sys.executable, f"src/{verb}.py", *words]
        environment = {**self.environment, **(more or {})}
        done = subprocess.run(
            command, cwd=self.project, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        self.said[f"terminal of {shlex.join([verb, *words])} ({len(self.said)})"] = done.stdout + done.stderr
        assert done.returncode == code, f"{verb} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def refuse(self) -> None:
        """Type secrets as settings, lay one into the code that travels: each is refused in one line."""
        for start, kind in TYPED.items():
            _, secret = planted(kind, start)
            self.plantings.append(Planting(kind, f"typed {start}", secret, ()))
            told = self.type_in("train", *HERE, f"{start}{secret}", code=2)
            assert told.count("\n") == 1, told
            del self.said[next(reversed(self.said))]  # its words, which are typed and not left
            assert secret not in told, start
        told = self.type_in("train", *HERE, "comet.workspace=${oc.env:GITHUB_TOKEN}", code=2)
        assert "holds a secret" in told, told
        self.write("src/programs/tiny/more.py", self.line("Twilio", "code that travels", "src/programs/tiny/more.py"))
        told = self.type_in("train", *HERE, code=2)
        assert "programs/tiny/more.py would travel with the run" in told, told
        (self.project / "src/programs/tiny/more.py").unlink()

    def work(self) -> None:
        """What is done on this machine."""
        self.type_in("train", *HERE, "publish=results/planted", "carry=[carried,conf]")
        (run,) = runs(self.project)
        self.type_in("train", *HERE, "seed=3", code=1, more={"NOSY_FAILS": "1", "COMET_API_KEY": ""})
        self.type_in("export", run.name, "model=true")
        self.type_in("report")
        plan = json.loads((run / "plan.json").read_text())
        left_out = plan["provenance"]["withheld"]
        named = (*BY_NAME, *BY_CONTENT, "src/a.ipynb", "conf/account.json", "src/copied.txt", ".dvc/config")
        unnamed = [name for name in named if not any(each.startswith(f"{name} (") for each in left_out)]
        assert unnamed == [], f"not named as left out: {unnamed}"
        patch = (run / "changes.patch").read_bytes()
        assert b"src/harmless.txt" in patch and b"carried/harmless.txt" in patch

    def sweep(self) -> None:
        """Two runs, and DVC's experiments of them."""
        self.type_in("train", "-m", *HERE, "seed=4,5", "sweep=planted")

    def burst(self) -> None:
        """A job in a stand-in for AWS, which trains."""
        from harness.launch import engine
        from tests.fakes.sagemaker.server import Aws
        from tests.support.cloud import AWAY

        logging.disable(logging.CRITICAL)  # the stand-in logs what it does not implement
        with Aws(grace=20) as aws:
            aws.prepare(f"{engine.recipe(ROOT)}-cpu", f"{engine.recipe(ROOT)}-gpu")
            self.type_in("train", *AWAY, "epochs=2", "allow_dirty=true", more=aws.environment())
            for job in aws.jobs.values():
                log = "\n".join(aws.log(job.name))
                self.elsewhere[f"job {job.name}"] = json.dumps(
                    [job.request, job.tags, job.describe()], default=str
                ).encode()
                self.elsewhere[f"log of {job.name}"] = log.encode()
            self.elsewhere |= {f"s3 {key}": content for key, content in aws.objects().items()}

    def search(self, clean: set[bytes]) -> int:
        """Look for every secret in everything; the number of contents that were looked at."""
        seen = set(clean)
        contents = itertools.chain(
            ((name, text.encode()) for name, text in self.said.items()),
            self.elsewhere.items(),
            *(_files(folder) for folder in (self.project, self.home, self.temporary)),
        )
        for name, content in contents:
            for inner, layer in _layers(name, content):
                if (digest := hashlib.sha256(layer).digest()) in seen:
                    continue
                for planting in self.plantings:
                    if not inner.startswith(planting.own) and any(needle in layer for needle in planting.needles):
                        planting.found.append(inner)
                if not any(inner.startswith(planting.own) for planting in self.plantings if planting.own):
                    seen.add(digest)
        return len(seen) - len(clean)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each file by its name below the folder, and that name, which may hold one too."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        yield name, name.encode()
        if path.is_symlink():
            yield name, os.fsencode(path.readlink())
        elif path.is_file():
            yield name, path.read_bytes()


def _layers(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A content, and what is packed in it."""
    yield name, content
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        for each in archive.namelist():
            yield from _layers(f"{name}:{each}", archive.read(each))
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                yield from _layers(f"{name}:{member.name}", file.read())
    if content[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield from _layers(f"{name}:", gzip.decompress(content))
    if name.startswith(".git/objects/"):
        with suppress(zlib.error):
            yield name, zlib.decompress(content)


def contents_of(folder: Path) -> set[bytes]:
    """The digests of what a folder holds."""
    return {hashlib.sha256(content).digest() for _, content in _files(folder)}


def main(here: bool) -> int:
    """Plant, work, search, print; 1 where a secret was found."""
    from tests.tracking.test_tracker import Server

    with tempfile.TemporaryDirectory() as scratch:
        field_ = Field(Path(scratch))
        clean = contents_of(field_.project)
        field_.plant()
        field_.refuse()
        comet = Server("works")
        field_.environment["COMET_URL_OVERRIDE"] = comet.url
        try:
            field_.work()
            if not here:
                field_.sweep()
                field_.burst()
        finally:
            comet.close()
        own = field_.environment["COMET_API_KEY"].encode()  # Comet's, which gets it with each request
        field_.elsewhere |= {f"Comet {at} {path}": body.replace(own, b"") for at, (path, body) in enumerate(comet.seen)}
        looked = field_.search(clean)
    for planting in field_.plantings:
        print(f"{planting.kind:32}{planting.where:45}{', '.join(planting.found) or 'nowhere'}")
    found = [planting for planting in field_.plantings if planting.found]
    kinds = {planting.kind for planting in field_.plantings}
    print(f"{len(field_.plantings)} secrets of {len(kinds)} kinds; {len(found)} found again in {looked} contents")
    return 1 if found else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("here", nargs="?", choices=["here"], help="leave sweep and burst out")
    sys.exit(main(options.parse_args().here is not None))
