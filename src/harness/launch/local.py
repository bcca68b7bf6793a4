"""This machine as a place: a process, or a container where an engine and the image are there."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.console import say
from harness.contract import bundle
from harness.contract.errors import NotReady
from harness.contract.plan import Placement, RunPlan
from harness.data.obtain import Obtained
from harness.launch import engine, environments, request
from harness.launch.container import Container
from harness.launch.process import Process
from harness.launch.runner import Runner
from harness.settings.project import ROOT
from harness.settings.schema import Mode, threads


@dataclass(frozen=True)
class LocalTarget:
    """This machine. The runner is there early: a container's begins to import the SDK."""

    placement: Placement
    early: Runner | None

    def request(self, planned: RunPlan, files: Mapping[str, bytes]) -> dict[str, Any] | None:
        """What the SDK's local mode would get; the folders are the run's."""
        if self.placement.image is None:
            return None
        return request.local(planned, self.placement.image, "RUN/code", "data", "RUN/checkpoints", "RUN/job")

    def prepare(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> Runner:
        """Make sure that the libraries of the lock are there, where no image holds them."""
        assert self.early is not None
        if self.placement.image is None:
            environments.interpreter(ROOT, files[bundle.LOCK], say)
        return self.early


def choose(mode: Mode, say: Callable[[str], None], dry: bool = False, program: str | None = None) -> Placement:
    """Which place on this machine, and why. A dry choice builds no image; a program may have one of its own.

    Raises:
        NotReady: a container is asked for and cannot run here.
    """
    image = engine.image_name(ROOT, program)
    if mode.runner == "process":
        return _placed(mode, "process", "asked for", None, None)
    with ThreadPoolExecutor(1) as beside:  # each question takes the docker command a while
        asked = beside.submit(engine.image_id, image)
        missing, image_id = engine.missing(), asked.result()
    reason = _obstacle(mode.runner, image, missing, image_id, program)
    if reason is None and image_id is None and not dry and (failure := engine.build(ROOT, say, program=program)):
        reason = f"the image could not be built: {failure}"
    if reason is not None:
        return _placed(mode, "process", reason, None, None)
    why = "asked for" if mode.runner == "container" else "a Docker engine answers and has the image"
    return _placed(mode, "container", why, image, image_id or engine.image_id(image))


def runner(placement: Placement) -> Runner:
    """What runs a worker in a place on this machine."""
    if placement.image is None:
        return Process(placement.instance_count)
    return Container(placement.image, placement.instance_count)


def _obstacle(runner: str, image: str, reason: str | None, image_id: str | None, program: str | None) -> str | None:
    """Why no container: None where one can run. `container` insists on what is there; for `auto` an image can be built.

    `reason` is why the engine runs none.
    """
    asked = runner == "container"
    if reason is not None:
        if asked:
            raise NotReady(
                f"mode.runner=container cannot run here: {reason}",
                legal="auto | process",
                command="python src/train.py mode.runner=process",
            )
        return reason
    if image_id is None and asked:
        lock = engine.own_lock(ROOT, program)
        command = f"make image LOCK={lock}" if lock else "make image"
        raise NotReady(f"mode.runner=container needs the image {image}", legal="auto | process", command=command)
    return None


def _placed(mode: Mode, runner: str, reason: str, image: str | None, image_id: str | None) -> Placement:
    return Placement(
        mode.name,
        runner,
        reason,
        threads(mode),
        mode.instance_count,
        mode.instance_type,
        mode.checkpoint_seconds,
        image,
        image_id,
        verify=mode.verify,
    )
