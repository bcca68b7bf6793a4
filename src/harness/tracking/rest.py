"""Ask Comet's REST interface about one experiment."""

import traceback
from collections.abc import Callable
from typing import Any

from harness.tracking.complaints import Complaints


class Rest:
    """Comet's REST interface to one experiment; of an archive there is none. What it refuses is missing, no more."""

    def __init__(self, key: str | None, complaints: Complaints) -> None:
        self._key, self._complaints = key, complaints
        self._api: Any = None

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """The answer; None where there is none."""
        if self._key is None:
            return None
        from comet_ml import APIExperiment

        open_experiment: Any = APIExperiment  # Comet ships no types
        self._complaints.deaf = True
        try:
            if self._api is None:
                self._api = open_experiment(previous_experiment=self._key, cache=False)
            return question(self._api)
        except Exception:  # Comet's errors have no base of their own
            traceback.print_exc()
            self._key = None
            return None
        finally:
            self._complaints.deaf = False
