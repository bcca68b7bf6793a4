"""Choosing where the worker runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.config import ROOT
from harness.errors import PreparePlace
from harness.fetching import Obtained
from harness.launch import Runner, engine, request
from harness.launch.container import Container
from harness.launch.process import Process
from harness.plan import Placement, RunPlan
from harness.provenance import GitState
from harness.settings import Cloud, Config, Mode, threads


class Place(Protocol):
    """Where a run can happen; `placement` is what the plan says of it."""

    @property
    def placement(self) -> Placement: ...

    def request(self, planned: RunPlan, files: Mapping[str, bytes]) -> dict[str, Any] | None:
        """What the SageMaker SDK would be asked for; None where it is not asked."""

    def prepare(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> Runner:
        """Do what comes before the run folder: after this, the runner can start."""


@dataclass(frozen=True)
class Here:
    """This machine. The runner is there early: a container's begins to import the SDK."""

    placement: Placement
    early: Runner | None

    def request(self, planned: RunPlan, files: Mapping[str, bytes]) -> dict[str, Any] | None:
        """What the SDK's local mode would get; the folders are the run's."""
        if self.placement.image is None:
            return None
        return request.local(planned, self.placement.image, "RUN/code", "data", "RUN/checkpoints", "RUN/job")

    def prepare(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> Runner:
        """Nothing is far from here."""
        assert self.early is not None
        return self.early


def choose(settings: Config, state: GitState, say: Callable[[str], None]) -> Place:
    """The place that the settings ask for. In a dry run nothing is started or built.

    Raises:
        ChangeSetting, PreparePlace: it is not ready.
    """
    if isinstance(settings.mode, Cloud):
        from harness.launch import preflight  # late: boto3 takes a while to import

        return preflight.check(settings, state, say)
    placement = here(settings.mode, say, settings.dry_run)
    return Here(placement, None if settings.dry_run else runner(placement))


def here(mode: Mode, say: Callable[[str], None], dry: bool = False) -> Placement:
    """Which place on this machine, and why. A dry choice builds no image.

    Raises:
        PreparePlace: a container is asked for and cannot run here.
    """
    image = engine.image_name(ROOT)
    reason = "asked for" if mode.runner == "process" else _obstacle(mode.runner, image, say, dry)
    if reason is not None:
        return _placement(mode, "process", reason, None, None)
    why = "asked for" if mode.runner == "container" else "a Docker engine answers and has the image"
    return _placement(mode, "container", why, image, engine.image_id(image))


def runner(placement: Placement) -> Runner:
    """What runs a worker in a place on this machine."""
    if placement.image is None:
        return Process(placement.instance_count)
    return Container(placement.image, placement.instance_count)


def _obstacle(runner: str, image: str, say: Callable[[str], None], dry: bool) -> str | None:
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
        failure = None if dry else engine.build(ROOT, say)
        if failure is not None:
            return f"the image could not be built: {failure}"
    return None


def _placement(mode: Mode, runner: str, reason: str, image: str | None, image_id: str | None) -> Placement:
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
    )
