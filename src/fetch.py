"""Obtain CIFAR-10 as data.dvc pins it, or say that the bundled sample will stand in.

    python src/fetch.py
    python src/fetch.py archive=PATH      the official archive, or an extracted folder
    python src/fetch.py on_missing=fail   no sample
    python src/fetch.py publish=FOLDER    also leave FOLDER/dataset.json, what DVC's later stages depend on

The settings are those of `data` in conf/config.yaml.
"""

import sys

from harness import console
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Data
from programs.cifar10.host import published


def fetch(wanted: Data, publish: str | None) -> int:
    """Find the data, verify it, link it into data/ through DVC's cache."""
    from harness.data import obtain
    from harness.finish.publish import publish_dataset

    found = obtain.obtain(ROOT, wanted, console.say)
    for way in found.tried:
        console.say(f"tried     {way}")
    console.say(f"dataset   {found.dataset.name} {found.dataset.hash} ({found.how}), in {found.folder}")
    if found.dataset.sample:
        console.say(published.SAMPLE)
    if publish:
        publish_dataset(found.dataset, ROOT / publish)
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: fetch(*compose.of_data(sys.argv[1:]))))
