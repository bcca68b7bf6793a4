"""Download a run's files from Comet, and upload an archive to it, by Comet's own client.

`python -m harness.tracking.remote ARCHIVE force|once` uploads one, and prints the outcome as a line of JSON.
"""

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, cast

from harness.contract import atomic
from harness.contract.errors import NotReady
from harness.provenance.credentials import redact

LARGEST = 2**26  # bytes of one file of a run
PIECE = 2**16
EXISTS = "already exists"  # in what Comet's client says of an experiment that is there


def download(key: str, wanted: Collection[str]) -> dict[str, bytes]:
    """The files of an experiment that have these names, by the API key that Comet finds.

    Raises:
        NotReady: Comet does not know the experiment, or cannot be reached.
    """

    def files(experiment: Any) -> dict[str, bytes]:
        assets = {each["fileName"]: each["assetId"] for each in experiment.get_asset_list()}
        return {name: _asset(experiment, assets[name]) for name in wanted if name in assets}

    return cast(dict[str, bytes], _asked(key, files))


def tag(key: str, word: str) -> None:
    """Give an experiment a tag; raises as `download` does."""
    _asked(key, lambda experiment: experiment.add_tag(word))


def _asked(key: str, question: Callable[[Any], Any]) -> Any:
    """What an experiment of Comet's answers."""
    logging.getLogger("comet_ml").setLevel(logging.CRITICAL)
    import comet_ml

    api: Any = comet_ml.API
    before = os.environ.get("NETRC")
    os.environ["NETRC"] = os.devnull  # no password out of it goes to Comet
    try:
        experiment = api(cache=False).get_experiment_by_key(key)
        if experiment is None:
            raise NotReady(f"Comet knows no experiment {key} that your API key may see", command="comet check")
        return question(experiment)
    except NotReady:
        raise
    except Exception as error:  # Comet's errors have no base of their own
        what = redact(" ".join(str(error).split()))[:200] or type(error).__name__
        raise NotReady(f"Comet did not give the experiment {key}: {what}", command="comet check") from error
    finally:
        if before is None:
            del os.environ["NETRC"]
        else:
            os.environ["NETRC"] = before


def _asset(experiment: Any, asset: str) -> bytes:
    """The content of one file, piece by piece, since Comet's client takes it whatever its size."""
    answer, content = experiment.get_asset(asset, return_type="response", stream=True), bytearray()
    with answer:
        for piece in answer.iter_content(PIECE):
            content += piece
            if len(content) > LARGEST:
                raise ValueError(f"a file of it has more than {LARGEST} bytes")
    return bytes(content)


class Messages(logging.Handler):
    """What Comet's client says, line by line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, redact(" ".join(record.getMessage().split()))))


def upload(archive: str, force: bool) -> dict[str, Any]:
    """Upload an archive: `done`, `there` (Comet has the experiment already), `why` not, `url`."""
    from comet_ml import offline
    from comet_ml.config.config_api import get_api_key, get_config

    messages = Messages()
    logging.getLogger("comet_ml").addHandler(messages)
    logging.getLogger("comet_ml").setLevel(logging.INFO)
    try:
        key: Any = get_api_key(None, get_config())
        done = offline.upload_single_offline_experiment(archive, key, force)
    except Exception as error:
        done = False
        messages.lines.append((logging.ERROR, redact(" ".join(str(error).split())) or type(error).__name__))
    errors = [line for level, line in messages.lines if level >= logging.ERROR]
    urls = [url for _, line in messages.lines for url in re.findall(r"https?://\S+", line)]
    why = None if done else (errors or ["Comet's client does not say why"])[0][:200]
    return {"done": done, "there": not done and EXISTS in (why or ""), "why": why, "url": (urls or [None])[-1]}


def main(archive: str, how: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:  # the client unpacks beside the archive
        path = Path(scratch) / Path(archive).name
        atomic.write(path, Path(archive).read_bytes())
        print(json.dumps(upload(str(path), how == "force")))


if __name__ == "__main__":
    main(*sys.argv[1:])
