"""Putting an image into ECR: Docker pushes it, with a password that AWS gives for some hours and no file keeps."""

import base64
import contextlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.cloud.aws import images
from harness.cloud.aws.account import number
from harness.cloud.aws.images import Image
from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client
from harness.contract.errors import NotReady

PROCESSOR = "amd64"  # of every instance type that SageMaker trains on but ml.p6e-gb200
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
    there = ecr.exceptions.RepositoryAlreadyExistsException
    with told(f"the repository {images.REPOSITORY}"), contextlib.suppress(there):
        ecr.create_repository(
            repositoryName=images.REPOSITORY,
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
        )
    with told("a password for the registry"):
        (given,) = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    digest = push(local, name, user, password, say)
    found = images.resolve(session, name, own=True)
    if found.digest != digest:
        raise NotReady(f"the image {name} is {found.digest} in ECR, but {digest} was pushed", command="the same again")
    return found


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
        # Plain text in a folder that is about to go, not the user's keychain.
        (Path(folder) / "config.json").write_text(json.dumps({"auths": {}}))
        environment = {**os.environ, "DOCKER_CONFIG": folder, "DOCKER_HOST": engine}
        processor = _docker("image", "inspect", "--format", "{{.Architecture}}", local, environment=environment).strip()
        if processor != PROCESSOR:  # its tag would stay taken: the repository lets none be moved
            raise NotReady(
                f"the image {local} is for {processor} processors, SageMaker's instances are {PROCESSOR}",
                command=f"docker rmi {local}; DOCKER_DEFAULT_PLATFORM=linux/{PROCESSOR} make push-image",
            )
        _docker("tag", local, name, environment=environment)
        try:
            _docker("login", "--username", user, "--password-stdin", registry, environment=environment, stdin=password)
            say(f"pushing   {name}; minutes, as the line allows")
            pushed = PUSHED.findall(_docker("push", name, environment=environment))
        finally:
            _docker("rmi", "--no-prune", name, environment=environment, must=False)
    if not pushed:
        raise NotReady("docker push: it said no digest", command="the same again")
    return str(pushed[-1])


def _docker(*arguments: str, environment: dict[str, str], stdin: str = "", must: bool = True) -> str:
    """What Docker prints."""
    try:
        done = subprocess.run(
            ["docker", *arguments], env=environment, input=stdin, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NotReady(f"no docker command: {error.strerror}", command="install Docker") from error
    if done.returncode and must:
        line = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        raise NotReady(f"docker {arguments[0]}: {line}", command="docker info")
    return done.stdout
