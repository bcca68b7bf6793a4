"""What our copies of a run ask of Comet's client, for tests of other things: its import takes longer than their runs.

An offline experiment leaves an archive that holds nothing; nobody is online.
"""

import zipfile
from pathlib import Path
from typing import Any


class ExperimentConfig:
    def __init__(self, **settings: Any) -> None:
        self.folder = Path(settings["offline_directory"])


class Experiment:
    """Takes whatever is logged."""

    alive, url = True, None

    def __init__(self, key: str, folder: Path) -> None:
        self._archive = folder / f"{key}.zip"

    def end(self) -> None:
        with zipfile.ZipFile(self._archive, "w") as archive:
            archive.writestr("nothing.txt", "")

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def start(online: bool, experiment_key: str, experiment_config: ExperimentConfig, **_: Any) -> Experiment:
    if online:
        raise ConnectionError("tests that go online take Comet's own client")
    return Experiment(experiment_key, experiment_config.folder)
