"""Choose the compute target that settings ask for."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harness.contract.plan import Placement, RunPlan
from harness.data.obtain import Obtained
from harness.launch import local
from harness.launch.runner import Runner
from harness.provenance.repository import GitState
from harness.settings.schema import Cloud, Config


class Target(Protocol):
    """Where a run can happen; `placement` is what the plan says of it."""

    @property
    def placement(self) -> Placement: ...

    def request(self, planned: RunPlan, files: Mapping[str, bytes]) -> dict[str, Any] | None:
        """What the SageMaker SDK would be asked for; None where it is not asked."""

    def prepare(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> Runner:
        """Do what comes before the run folder: after this, the runner can start."""


def choose(settings: Config, state: GitState, say: Callable[[str], None]) -> Target:
    """The target that the settings ask for. In a dry run nothing is started or built.

    Raises:
        SettingError, NotReady: it is not ready.
    """
    if isinstance(settings.mode, Cloud):
        from harness.cloud import preflight  # late: boto3 takes a while to import

        return preflight.check(settings, state, say)
    placement = local.choose(settings.mode, say, settings.dry_run, settings.program)
    return local.LocalTarget(placement, None if settings.dry_run else local.runner(placement))
