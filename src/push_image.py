"""Build the training image and put it into your AWS registry, where `mode=cloud` finds it.

    python src/push_image.py          for GPU instances
    python src/push_image.py cpu      for the others
    make push-image KIND=cpu

Settings of conf/ can be given as in train.py; `mode.region` says which registry. An image that is there stays.
"""

import signal
import sys

from harness import console
from harness.contract.errors import SettingError
from harness.settings import compose
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config

KINDS = ("gpu", "cpu")


def push_image(kinds: list[str], settings: Config) -> int:
    """Build, log in, push; say the name and the digest."""
    kind = (kinds or ["gpu"])[0]
    if kind not in KINDS or len(kinds) > 1:
        raise SettingError(f"{' '.join(kinds)} is no kind of image", legal=" | ".join(KINDS), command="make push-image")
    from harness.cloud.aws import account, push
    from harness.launch import engine

    assert isinstance(settings.mode, Cloud)
    session = account.session(settings.mode.region)
    image = push.to_ecr(session, engine.recipe(ROOT), kind, lambda: engine.built(ROOT, kind, console.say), console.say)
    console.say(f"image     {image.asked}")
    console.say(f"digest    {image.digest}")
    console.say(f"by hand   mode.image={image.uri}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: Docker's copy of the password goes first
    named = [argument for argument in sys.argv[1:] if "=" not in argument and not argument.startswith("-")]
    sys.argv[1:] = ["mode=cloud", *(argument for argument in sys.argv[1:] if argument not in named)]
    sys.exit(console.main(lambda: compose.run(lambda settings: push_image(named, settings))))
