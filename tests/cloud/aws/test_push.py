import base64
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

import boto3
import pytest

from harness.cloud.aws import images, push
from harness.contract.errors import NotReady
from harness.launch import engine
from tests.fakes.sagemaker.server import Aws
from tests.support.lacking import lacking
from tests.support.projects import ROOT

PASSWORD = "planted-registry-password"
REGISTRY = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"


def say(line):
    pass


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A docker command that keeps what it is told, then passes it on; the file that it keeps it in."""
    (tmp_path / "bin").mkdir()
    command, kept = tmp_path / "bin" / "docker", tmp_path / "told"
    real = shutil.which("docker") or "false"
    command.write_text(f'#!/bin/sh\necho "$DOCKER_CONFIG $DOCKER_HOST $*" >>{kept}\nexec {real} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    return kept


@pytest.fixture
def registry(tmp_path):
    """The address of a real registry on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        lacking("no docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "registry.yml").write_text(REGISTRY.format(folder=tmp_path / "store", port=port))
    server = subprocess.Popen(
        [program, "serve", tmp_path / "registry.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    server.kill()
    server.wait()


def archive(files):
    """The bytes of a tar archive of these files."""
    with io.BytesIO() as made:
        with tarfile.open(fileobj=made, mode="w") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return made.getvalue()


@pytest.fixture
def tiny():
    """Makes an image of one file, for a processor; its name."""
    made = []

    def make(processor):
        made.append(f"harness-test-push-{processor}:1")
        layer = archive({"file": b"content"})
        layers = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
        described = {"architecture": processor, "os": "linux", "config": {}, "rootfs": layers}
        manifest = [{"Config": "config.json", "RepoTags": made[-1:], "Layers": ["layer.tar"]}]
        image = archive(
            {
                "config.json": json.dumps(described).encode(),
                "layer.tar": layer,
                "manifest.json": json.dumps(manifest).encode(),
            }
        )
        subprocess.run(["docker", "load"], input=image, check=True, capture_output=True)
        return made[-1]

    yield make
    subprocess.run(["docker", "rmi", *made], capture_output=True, check=False)


@pytest.mark.docker
def test_a_pushed_image_is_in_the_registry_and_the_password_is_nowhere(registry, told, tiny):
    local, name = tiny("amd64"), f"{registry}/{images.REPOSITORY}:abc-cpu"
    try:
        digest = push.push(local, name, "AWS", PASSWORD, say)
        ask = urllib.request.Request(
            f"http://{registry}/v2/{images.REPOSITORY}/manifests/abc-cpu",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        )
        with urllib.request.urlopen(ask) as answer:
            assert answer.headers["Docker-Content-Digest"] == digest
        here = subprocess.run(["docker", "image", "ls", "--quiet", name], capture_output=True, text=True, check=True)
        assert here.stdout == ""
        with pytest.raises(NotReady, match="docker push: "):
            push.push(local, "127.0.0.1:9/none:abc", "AWS", PASSWORD, say)
    finally:
        subprocess.run(["docker", "rmi", name], capture_output=True, check=False)
    assert PASSWORD not in told.read_text()
    assert " login " not in told.read_text()  # it would ask the user's keychain
    configs = {line.partition(" ")[0] for line in told.read_text().splitlines() if " push " in line}
    assert configs and not any(Path(config).exists() for config in configs)


@pytest.mark.docker
def test_an_image_for_another_processor_is_not_pushed(registry, told, tiny):
    with pytest.raises(NotReady, match=r"for arm64 processors.*DOCKER_DEFAULT_PLATFORM=linux/amd64"):
        push.push(tiny("arm64"), f"{registry}/{images.REPOSITORY}:abc-cpu", "AWS", PASSWORD, say)
    assert "login" not in told.read_text()


@pytest.mark.docker
def test_the_engine_that_the_user_has_chosen_is_the_one_that_pushes(registry, told, tiny, tmp_path, monkeypatch):
    local = tiny("amd64")
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        lacking("the engine is on another machine")
    (tmp_path / "engine.sock").symlink_to(host.removeprefix("unix://"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    chosen = f"unix://{tmp_path}/engine.sock"
    for command in (["create", "chosen", "--docker", f"host={chosen}"], ["use", "chosen"]):
        subprocess.run(["docker", "context", *command], check=True, capture_output=True)
    push.push(local, f"{registry}/{images.REPOSITORY}:abc-cpu", "AWS", PASSWORD, say)
    (line,) = [line for line in told.read_text().splitlines() if " push " in line]
    assert line.split()[1] == chosen


def test_a_push_that_is_ended_leaves_no_password(told, tmp_path):
    told.parent.joinpath("bin", "docker").write_text(
        "#!/bin/sh\ncase $1 in context) echo unix:///none;; image) echo amd64;;\n"
        f'push) echo "$DOCKER_CONFIG" >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/config; exec sleep 60;; esac\n'
    )
    program = (
        "import runpy, sys; sys.argv[1:] = ['mode=cloud', 'cpu']\n"
        "from harness.cloud.aws import push, session\nfrom harness.launch import engine\n"
        "session.session = lambda region: None\n"
        f"push.to_ecr = lambda *_: push.push('local:1', 'registry/name:1', 'AWS', '{PASSWORD}', print)\n"
        "runpy.run_path('src/push_image.py', run_name='__main__')"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(300):
        if (tmp_path / "config").exists() or child.poll() is not None:
            break
        time.sleep(0.1)
    folder = Path((tmp_path / "config").read_text().strip())
    (given,) = json.loads((folder / "config.json").read_text())["auths"].values()
    assert base64.b64decode(given["auth"]).decode() == f"AWS:{PASSWORD}"
    assert (folder / "config.json").stat().st_mode & 0o077 == 0
    child.terminate()
    said, _ = child.communicate(timeout=20)
    assert (child.returncode, "Traceback" in said) == (130, False), said
    assert not folder.exists()


def test_an_oci_image_is_refused_before_it_is_uploaded(told, tmp_path):
    oci = "application/vnd.oci.image.manifest.v1+json"
    told.parent.joinpath("bin", "docker").write_text(
        f'#!/bin/sh\necho "$*" >>{told}\ncase "$*" in *Architecture*) echo amd64;; *Descriptor*) echo {oci};; esac\n'
    )
    with pytest.raises(NotReady, match=r"is an OCI image .*docker rmi local:1; make push-image"):
        push.push("local:1", "registry/name:1", "AWS", PASSWORD, say)
    assert "push" not in told.read_text()


@pytest.mark.parametrize(
    ("store", "output"),
    [("[[Backing Filesystem extfs]]", ""), ("[[driver-type io.containerd.snapshotter.v1]]", "oci-mediatypes=false")],
    ids=["classic", "containerd"],
)
def test_where_the_engine_would_keep_an_oci_image_it_is_told_not_to(told, store, output):
    command = told.parent / "bin" / "docker"
    command.write_text(
        f'#!/bin/sh\necho "$*" >>{told}\ncase $1 in info) echo "{store}";; image) exit 1;; esac\nexit 0\n'
    )
    subprocess.run(
        ["sh", ROOT / "tools" / "image.sh"], env={**os.environ, "KIND": "cpu"}, check=True, capture_output=True
    )
    (line,) = [line for line in told.read_text().splitlines() if line.startswith("build")]
    assert ("oci-mediatypes=false" in line) == bool(output)


@pytest.fixture
def session(monkeypatch):
    with Aws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws, boto3.Session()


def test_a_person_who_may_make_no_repository_pushes_to_one_that_is_there(session, monkeypatch):
    aws, made = session
    aws.prepare()
    aws.deny.add("ecr:CreateRepository")
    digests = []

    def pushed(local, name, user, password, say):
        aws.put_image(name.rpartition(":")[2])
        asked = [{"imageTag": name.rpartition(":")[2]}]
        digests.append(made.client("ecr").batch_get_image(repositoryName="harness", imageIds=asked))
        return digests[-1]["images"][0]["imageId"]["imageDigest"]

    monkeypatch.setattr(push, "push", pushed)
    assert push.to_ecr(made, "abc", "cpu", lambda: "local:1", say).asked.endswith("abc-cpu")


def test_a_repository_that_is_made_keeps_the_newest_images_alone(session, monkeypatch):
    _, made = session
    monkeypatch.setattr(push, "push", lambda *_: "sha256:x")
    with pytest.raises(NotReady):  # nothing was pushed
        push.to_ecr(made, "abc", "cpu", lambda: "local:1", say)
    kept = json.loads(made.client("ecr").get_lifecycle_policy(repositoryName="harness")["lifecyclePolicyText"])
    assert kept == push.LIFECYCLE


def test_an_image_that_is_there_is_not_built_or_pushed(session, told):
    aws, made = session
    (name,) = aws.prepare("abc-gpu")
    said = []
    found = push.to_ecr(made, "abc", "gpu", None, said.append)
    assert (found.asked, said) == (name, ["It is there already."])
    assert found.uri.endswith(f"harness@{found.digest}")
    assert not told.exists()


def test_a_missing_image_is_built_the_repository_made_and_dockers_refusal_is_one_line(session, told):
    aws, made = session
    built = []
    with pytest.raises(NotReady, match=r"docker (image|tag|login|push|context): ") as caught:
        push.to_ecr(made, "abc", "cpu", lambda: built.append(1) or "no-such-image:1", say)
    assert built and "\n" not in str(caught.value)
    (repository,) = aws.client("ecr").describe_repositories()["repositories"]
    assert (repository["repositoryName"], repository["imageTagMutability"]) == (images.REPOSITORY, "IMMUTABLE")
    assert repository["imageScanningConfiguration"]["scanOnPush"]


@pytest.mark.parametrize(
    ("key", "kind", "line"),
    [("EXPIRED", "gpu", "have expired"), ("", "gpu", "AWS needs credentials"), ("testing", "tpu", "gpu | cpu")],
)
def test_mistakes_are_one_line(session, key, kind, line):
    aws, _ = session
    more = {"AWS_ACCESS_KEY_ID": key} | ({"AWS_SECRET_ACCESS_KEY": ""} if not key else {})
    done = subprocess.run(
        [sys.executable, ROOT / "src" / "push_image.py", kind],
        env={"PATH": "/usr/bin:/bin", **aws.environment(**more)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert line in done.stderr


def test_the_recipe_names_the_image_here_and_there():
    recipe = engine.recipe(ROOT)
    assert re.fullmatch("[0-9a-f]{12}", recipe)
    assert engine.image_name(ROOT) == f"harness-train:{recipe}"
    own = images.own_name("1" * 12, "us-east-1", recipe, True)
    assert own == f"111111111111.dkr.ecr.us-east-1.amazonaws.com/harness:{recipe}-gpu"
    assert images.own_name("1" * 12, "cn-north-1", recipe, False).endswith(f".amazonaws.com.cn/harness:{recipe}-cpu")


class Registry:
    """A client of ECR in which the repository is, and that gives a password."""

    class exceptions:
        class RepositoryAlreadyExistsException(Exception):
            pass

    def create_repository(self, **asked):
        raise self.exceptions.RepositoryAlreadyExistsException

    def get_authorization_token(self):
        token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        return {"authorizationData": [{"authorizationToken": token}]}


@pytest.mark.parametrize("pushed", ["sha256:" + "1" * 64, "sha256:" + "2" * 64])
def test_another_digest_in_the_registry_than_was_pushed_is_refused(monkeypatch, pushed):
    there = images.Image("uri", "sha256:" + "1" * 64, "name")
    monkeypatch.setattr(push, "number", lambda session: "1" * 12)
    monkeypatch.setattr(push, "client", lambda session, service: Registry())
    monkeypatch.setattr(images, "find", lambda session, name: None)
    monkeypatch.setattr(images, "has_repository", lambda session, name: True)
    monkeypatch.setattr(images, "resolve", lambda session, name, own: there)
    monkeypatch.setattr(push, "push", lambda local, name, user, password, say: pushed if password == PASSWORD else "")
    session = boto3.Session(region_name="us-east-1")
    if pushed == there.digest:
        assert push.to_ecr(session, "abc", "cpu", lambda: "local:1", say) == there
    else:
        with pytest.raises(NotReady, match=f"is {there.digest} in ECR, but {pushed} was pushed"):
            push.to_ecr(session, "abc", "cpu", lambda: "local:1", say)
