"""Putting an image into ECR: Docker pushes it, with a password that AWS gives for some hours and no file keeps."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.cloud.aws import images
from harness.cloud.aws.account import number
from harness.cloud.aws.images import Image
from harness.cloud.aws.refusal import knows, told
from harness.cloud.aws.session import client
from harness.contract.errors import NotReady

PROCESSOR = "amd64"  # of every instance type that SageMaker trains on but ml.p6e-gb200
MANIFEST = "{{with .Descriptor}}{{.mediaType}}{{end}}"  # what containerd's image store would push
# Old images cost by the month; the newest few are what anybody still replays with.
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "keep the newest 10 images",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10},
            "action": {"type": "expire"},
        }
    ]
}
PUSHED = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")  # in what `docker push` prints


def to_ecr(session: Any, recipe: str, kind: str, build: Callable[[], str], say: Callable[[str], None]) -> Image:
    """The image of that recipe and kind in the account's registry; `build` makes it here and returns its local name.

    Raises:
        NotReady: AWS or Docker refuses.
    """
    name = images.own_name(number(session), session.region_name, recipe, kind == "gpu")
    if (found := images.find(session, name)) is not None:
        say("It is there already.")
        return found
    local, ecr = build(), client(session, "ecr")
    if not images.has_repository(session, name):
        _make_repository(ecr)
    with told("a password for the registry"):
        (given,) = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    digest = push(local, name, user, password, say)
    found = images.resolve(session, name, own=True)
    if found.digest != digest:
        raise NotReady(f"the image {name} is {found.digest} in ECR, but {digest} was pushed", command="the same again")
    return found


def _make_repository(ecr: Any) -> None:
    there = ecr.exceptions.RepositoryAlreadyExistsException
    with told(f"the repository {images.REPOSITORY}"), contextlib.suppress(there):
        ecr.create_repository(
            repositoryName=images.REPOSITORY,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
    policy = {"repositoryName": images.REPOSITORY, "lifecyclePolicyText": json.dumps(LIFECYCLE)}
    knows(lambda: ecr.put_lifecycle_policy(**policy))  # good to have; each change of a lock is another image


def push(local: str, name: str, user: str, password: str, say: Callable[[str], None]) -> str:
    """`docker push` of a local image under another name, to the digest that the registry gave it; what Docker knows of
    the password is gone afterwards.

    Raises:
        NotReady: the image is for another processor, or Docker refuses; its last line says why.
    """
    registry = name.partition("/")[0]
    # Which engine is meant stands in the user's configuration, where it is not the default one.
    engine = _docker(
        "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", environment=dict(os.environ)
    ).strip()
    with tempfile.TemporaryDirectory() as folder:
        # In a folder that is about to go. `docker login` would put it into the user's keychain: where the file names no
        # registry, docker looks for a helper that has one.
        given = base64.b64encode(f"{user}:{password}".encode()).decode()
        config = Path(folder) / "config.json"
        config.touch(0o600)
        config.write_text(json.dumps({"auths": {registry: {"auth": given}}}))
        environment = {**os.environ, "DOCKER_CONFIG": folder, "DOCKER_HOST": engine}
        processor = _docker("image", "inspect", "--format", "{{.Architecture}}", local, environment=environment).strip()
        if processor != PROCESSOR:  # its tag would stay taken: the repository lets none be moved
            raise NotReady(
                f"the image {local} is for {processor} processors, SageMaker's instances are {PROCESSOR}",
                command=f"docker rmi {local}; DOCKER_DEFAULT_PLATFORM=linux/{PROCESSOR} make push-image",
            )
        kind = _docker("image", "inspect", "--format", MANIFEST, local, environment=environment, must=False).strip()
        if "oci" in kind:  # as above; the form is another one only where it is built again
            raise NotReady(
                f"the image {local} is an OCI image ({kind}), which SageMaker has refused for endpoints",
                command=f"docker rmi {local}; make push-image",
            )
        _docker("tag", local, name, environment=environment)
        try:
            say(f"pushing   {name}; minutes, as the line allows")
            pushed = _push(name, environment, say)
        finally:
            _docker("rmi", "--no-prune", name, environment=environment, must=False)
    if not pushed:
        raise NotReady("docker push: it said no digest", command="the same again")
    return str(pushed[-1])


def _push(name: str, environment: dict[str, str], say: Callable[[str], None]) -> list[str]:
    """Push, with Docker's own progress on a terminal and its lines in a log; the digests that it names."""
    if sys.stdout.isatty():
        done = subprocess.run(["docker", "push", name], env=environment, check=False)
        if done.returncode:
            raise NotReady("docker push: the lines above say why", command="docker info")
        listed = _docker("image", "inspect", "--format", '{{join .RepoDigests " "}}', name, environment=environment)
        named = [each.partition("@") for each in listed.split()]
        return [digest for repository, _, digest in named if repository == name.rpartition(":")[0]]
    command, lines = ["docker", "push", name], []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line.strip())
            if line.rstrip().endswith((": Pushed", ": Layer already exists")):
                say(f"pushing   {line.strip()}")
    if child.returncode:
        raise NotReady(f"docker push: {(lines or ['no word'])[-1]}", command="docker info")
    return PUSHED.findall("\n".join(lines))


def _docker(*arguments: str, environment: dict[str, str], must: bool = True) -> str:
    """What Docker prints."""
    try:
        done = subprocess.run(
            ["docker", *arguments], env=environment, input="", capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NotReady(f"no docker command: {error.strerror}", command="install Docker") from error
    if done.returncode and must:
        line = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        raise NotReady(f"docker {arguments[0]}: {line}", command="docker info")
    return done.stdout
