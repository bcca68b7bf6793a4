"""The training image in ECR, by digest: a tag may move, a digest does not."""

import re
from dataclasses import dataclass
from typing import Any

from harness.cloud.aws.refusal import told
from harness.cloud.aws.session import client
from harness.contract.errors import NotReady, SettingError

REPOSITORY = "harness"
REFERENCE = re.compile(
    r"(?P<registry>(?P<number>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(\.cn)?)/(?P<repository>[\w./-]+?)"
    r"(:(?P<tag>[\w.-]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Image:
    """`uri` names the image by `digest`, which is what SageMaker pulls; `asked` is the name that was resolved.

    `manifest` is its media type.
    """

    uri: str
    digest: str
    asked: str
    manifest: str | None = None

    @property
    def warning(self) -> str | None:
        """What is doubtful about it."""
        if self.manifest is None or "docker" in self.manifest:
            return None
        return f"its manifest is {self.manifest}, which SageMaker has refused for endpoints; for training it is untried"


def registry(number: str, region: str) -> str:
    """The account's own registry."""
    return f"{number}.dkr.ecr.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def own_name(number: str, region: str, recipe: str, gpu: bool) -> str:
    """The project's image for a recipe (12 hexadecimal characters of its hash), for processors or GPUs."""
    return f"{registry(number, region)}/{REPOSITORY}:{recipe}-{'gpu' if gpu else 'cpu'}"


def push_command(name: str) -> str:
    """What puts the project's own image of that name into the registry."""
    kind = " KIND=cpu" if name.endswith("-cpu") else ""
    region = parts["region"] if (parts := REFERENCE.fullmatch(name)) else None
    return f"make push-image{kind}{f' ARGS=mode.region={region}' if region else ''}"


def resolve(session: Any, name: str, own: bool) -> Image:
    """The image of that name, with its digest. `own`: the project's own, which `make push-image` makes.

    Raises:
        SettingError: it is no name in ECR, which alone SageMaker pulls from.
        NotReady: the registry has no such image.
    """
    found = find(session, name)
    if found is None:
        make = push_command(name) if own else "mode.image=null, or aws ecr describe-images"
        raise NotReady(f"the image {name} does not exist", command=make)
    return found


def has_repository(session: Any, name: str) -> bool:
    """Whether there is a repository for an image of that name."""
    parts = REFERENCE.fullmatch(name)
    assert parts is not None
    ecr = client(session, "ecr", parts["region"])
    with told(f"the repository {parts['repository']}"):
        try:
            ecr.batch_get_image(
                registryId=parts["number"], repositoryName=parts["repository"], imageIds=[{"imageTag": "none"}]
            )
        except ecr.exceptions.RepositoryNotFoundException:
            return False
        except ecr.exceptions.ImageNotFoundException:
            pass
    return True


def find(session: Any, name: str) -> Image | None:
    """`resolve`, but None where the registry has no such image."""
    parts = REFERENCE.fullmatch(name)
    if parts is None or not (parts["tag"] or parts["digest"]):
        raise SettingError(
            f"mode.image={name} is no image in ECR, where SageMaker takes images from",
            legal="ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG or …@sha256:DIGEST",
            command="make push-image, and mode.image=null",
        )
    wanted = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"]}
    ecr = client(session, "ecr", parts["region"])
    absent = (ecr.exceptions.RepositoryNotFoundException, ecr.exceptions.ImageNotFoundException)
    with told(f"the image {name}"):
        try:
            found = ecr.batch_get_image(
                registryId=parts["number"], repositoryName=parts["repository"], imageIds=[wanted]
            )["images"]
        except absent:
            found = []
    if not found:
        return None
    digest = str(found[0]["imageId"]["imageDigest"])
    uri = f"{parts['registry']}/{parts['repository']}@{digest}"
    return Image(uri, digest, name, found[0].get("imageManifestMediaType"))
