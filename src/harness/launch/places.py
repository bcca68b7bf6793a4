"""Choosing where the worker runs."""

from collections.abc import Callable

from harness import settings
from harness.config import ROOT
from harness.errors import PreparePlace
from harness.launch import Runner, engine
from harness.launch.container import Container
from harness.launch.process import Process
from harness.plan import Placement
from harness.settings import Mode


def choose(mode: Mode, say: Callable[[str], None]) -> tuple[Runner, Placement]:
    """The runner, and the placement that says which and why.

    Raises:
        PreparePlace: a container is asked for and cannot run here, or a cloud instance is.
    """
    if mode.name == "cloud":
        raise PreparePlace(
            "mode=cloud cannot launch SageMaker jobs in this version",
            legal="mode=local",
            command="python src/train.py mode=local scale=full",
        )
    image = engine.image_name(ROOT)
    reason = "asked for" if mode.runner == "process" else _obstacle(mode.runner, image, say)
    if reason is not None:
        return Process(mode.instance_count), _placement(mode, "process", reason, None, None)
    why = "asked for" if mode.runner == "container" else "a Docker engine answers and has the image"
    return Container(image, mode.instance_count), _placement(mode, "container", why, image, engine.image_id(image))


def _obstacle(runner: str, image: str, say: Callable[[str], None]) -> str | None:
    """Why no container: None where one can run. `container` insists on what is there, `auto` builds a missing image."""
    asked = runner == "container"
    reason = engine.missing()
    if reason is not None:
        if asked:
            raise PreparePlace(
                f"mode.runner=container cannot run here: {reason}",
                legal="auto | process",
                command="python src/train.py mode.runner=process",
            )
        return reason
    if engine.image_id(image) is None:
        if asked:
            raise PreparePlace(
                f"mode.runner=container needs the image {image}", legal="auto | process", command="make image"
            )
        failure = engine.build(ROOT, say)
        if failure is not None:
            return f"the image could not be built: {failure}"
    return None


def _placement(mode: Mode, runner: str, reason: str, image: str | None, image_id: str | None) -> Placement:
    return Placement(
        mode.name,
        runner,
        reason,
        settings.threads(mode),
        mode.instance_count,
        mode.instance_type,
        mode.checkpoint_seconds,
        image,
        image_id,
    )
