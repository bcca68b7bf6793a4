"""Hydra's launcher `together`: all jobs of a sweep in one call. Hydra finds it by this folder's name.

The task that Hydra is given, harness.settings.compose's, has a method `grid` for them.
"""

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher


class Together(Launcher):
    """See Hydra's own basic launcher, which runs one job after the other."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Keep what `launch` needs."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Compose each job, then pass all of them on."""
        setup_globals()
        load = self._context.config_loader.load_sweep_config
        self._task.grid([(tuple(each), load(self._config, list(each))) for each in job_overrides])
        return [JobReturn(overrides=each, status=JobStatus.COMPLETED) for each in job_overrides]


NODE = {"_target_": "hydra_plugins.together.Together"}
ConfigStore.instance().store(group="hydra/launcher", name="together", node=NODE, provider="together")
