"""Obtain CIFAR-10 as data.dvc pins it, or say that the bundled sample will stand in.

    python src/fetch.py
    python src/fetch.py archive=PATH      the official archive, or an extracted folder
    python src/fetch.py on_missing=fail   no sample
    python src/fetch.py publish=FOLDER    also leave FOLDER/dataset.json, what DVC's later stages depend on

The settings are those of `data` in conf/config.yaml.
"""

import sys

from harness import config, console
from harness.config import ROOT
from harness.settings import Data


def fetch(wanted: Data, publish: str | None) -> int:
    """Find the data, verify it, link it into data/ through DVC's cache."""
    from harness import fetching
    from harness.publish import publish_dataset

    found = fetching.obtain(ROOT, wanted, console.say)
    for way in found.tried:
        console.say(f"tried     {way}")
    console.say(f"dataset   {found.dataset.name} {found.dataset.hash} ({found.how}), in {found.folder}")
    if found.dataset.sample:
        console.say(console.SAMPLE)
    if publish:
        publish_dataset(found.dataset, ROOT / publish)
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: fetch(*config.of_data(sys.argv[1:]))))
