"""Pack a folder of images by class into shards and an index, which program=images trains on.

Equal images give equal bytes; an image more changes one shard and the index.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys
from pathlib import Path

from harness import console
from harness.settings import command_line, direct
from harness.settings.command_line import CommandLine
from harness.settings.paths import expanded
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="pack",
    about=__doc__,
    examples=(
        ("photos mine", "photos/CLASS/*.jpg into mine/; then: dvc add mine"),
        ("photos mine update", "bring mine/ up to date: shards that did not change stay as they are"),
        ("labels.csv mine", "the images that a CSV with the columns path and label names, below its folder"),
        ("shards mine skip", "a WebDataset (folder of .tar files); what cannot be packed is left out and listed"),
    ),
    names=Names("PATH", (2,), "what is to be packed, and the new folder", "FOLDER OUT"),
    own=(
        Own("skip", "", "leave out what cannot be packed, and list it beside OUT; else nothing is packed"),
        Own("update", "", "replace the shards of OUT that have changed"),
        Own("test", "SHARE", "share of the images for the test, by the hash of each name"),
        Own("validation", "SHARE", "share of the images to validate on; defaults are in conf/pack.yaml"),
        Own("shard_mb", "N", "largest size of a shard in millions of bytes, when a set is first packed"),
        Own("shards", "N", "how many shards, instead of that"),
    ),
    composes=False,
    exits={0: "packed, or brought up to date", 2: "one line names an image that cannot be packed, or what to type"},
)


def pack(line: CommandLine) -> int:
    """Look at all images, then write them."""
    layout = direct.packing(line)
    from harness.data import pack as packing

    source, out = (Path(expanded("PATH", name)) for name in line.names)
    made = packing.pack(source, out, layout, bool(line.own["skip"]), bool(line.own["update"]), console.say)
    header = made.header
    size = f"{len(header.sizes)} shards, {sum(header.sizes) / 1e6:.1f} MB"
    console.say(f"packed    {header.records} images of {len(header.classes)} classes in {size}")
    console.say(f"next      dvc add {out} && python src/train.py program=images data.pin={out}.dvc")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: pack(command_line.read(VERB))))
