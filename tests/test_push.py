import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
import pytest
from aws import Aws
from test_train import ROOT

from harness.aws import images, push
from harness.errors import PreparePlace
from harness.launch import engine

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
    command.write_text(f'#!/bin/sh\necho "$DOCKER_CONFIG $*" >>{kept}\nexec {real} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    return kept


@pytest.fixture
def registry(tmp_path):
    """The address of a real registry on loopback."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no docker-registry")
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


@pytest.mark.docker
def test_a_pushed_image_is_in_the_registry_and_the_password_is_nowhere(registry, told, tmp_path):
    local, name = "harness-test-push:1", f"{registry}/{images.REPOSITORY}:abc-cpu"
    (tmp_path / "file").write_text("content")
    archive = subprocess.run(["tar", "-C", tmp_path, "-c", "file"], capture_output=True, check=True).stdout
    subprocess.run(["docker", "import", "-", local], input=archive, check=True, capture_output=True)
    try:
        push.push(local, name, "AWS", PASSWORD, say)
        ask = urllib.request.Request(
            f"http://{registry}/v2/{images.REPOSITORY}/manifests/abc-cpu",
            headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        )
        with urllib.request.urlopen(ask) as answer:
            assert answer.headers["Docker-Content-Digest"].startswith("sha256:")
        here = subprocess.run(["docker", "image", "ls", "--quiet", name], capture_output=True, text=True, check=True)
        assert here.stdout == ""
        with pytest.raises(PreparePlace, match="docker login: "):
            push.push(local, "127.0.0.1:9/none:abc", "AWS", PASSWORD, say)
    finally:
        subprocess.run(["docker", "rmi", local], capture_output=True, check=False)
    assert PASSWORD not in told.read_text()
    configs = {line.partition(" ")[0] for line in told.read_text().splitlines() if "login" in line}
    assert configs and not any(Path(config).exists() for config in configs)


@pytest.fixture
def session(monkeypatch):
    with Aws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws, boto3.Session()


def test_an_image_that_is_there_is_not_built_or_pushed(session, told):
    aws, made = session
    (name,) = aws.prepare("abc-gpu")
    said = []
    found = push.to_ecr(made, "abc", "gpu", None, said.append)
    assert (found.asked, said) == (name, ["It is there already."])
    assert found.uri.endswith(f"cifar10-harness@{found.digest}")
    assert not told.exists()


def test_a_missing_image_is_built_the_repository_made_and_dockers_refusal_is_one_line(session, told):
    aws, made = session
    built = []
    with pytest.raises(PreparePlace, match=r"docker (tag|login|push): ") as caught:
        push.to_ecr(made, "abc", "cpu", lambda: built.append(1) or "no-such-image:1", say)
    assert built and "\n" not in str(caught.value)
    (repository,) = aws.client("ecr").describe_repositories()["repositories"]
    assert (repository["repositoryName"], repository["imageTagMutability"]) == (images.REPOSITORY, "IMMUTABLE")


@pytest.mark.parametrize(
    ("key", "kind", "line"),
    [("EXPIRED", "gpu", "have expired"), ("", "gpu", "needs AWS credentials"), ("testing", "tpu", "gpu | cpu")],
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
    assert engine.image_name(ROOT).endswith(f":{engine.recipe(ROOT)}")
    assert images.own_name("1" * 12, "us-east-1", engine.recipe(ROOT), True).endswith(f":{engine.recipe(ROOT)}-gpu")
    assert json.dumps(engine.recipe(ROOT)).strip('"').isalnum()
