"""Build the training image and push it to your AWS registry, where `mode=cloud` finds it.

`mode.region` selects the registry. An image that is already there is kept.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import signal
import sys

from harness import console
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import Cloud
from harness.settings.verb import Names, Verb

VERB = Verb(
    name="push_image",
    about=__doc__,
    examples=(
        ("", "the image for GPU instances"),
        ("cpu", "the image for all other instances; the same as make push-image KIND=cpu"),
        ("gpu mode.region=eu-west-1", "to the registry of that region"),
    ),
    names=Names("KIND", range(2), "one kind of image", "gpu (the default) or cpu", legal=("gpu", "cpu")),
    settings=("program", "mode"),
    fixed=("mode=cloud",),
    exits={0: "the image is in the registry", 1: "the build or the push failed"},
)


def push_image(line: CommandLine) -> int:
    """Build, log in, push; say the name and the digest."""
    settings = compose.one(line)
    from harness.cloud.aws import push
    from harness.cloud.aws.session import session as session_in
    from harness.launch import engine

    assert isinstance(settings.mode, Cloud)
    (kind,) = line.names or ("gpu",)
    session = session_in(settings.mode.region)
    name, say = settings.program, console.say
    image = push.to_ecr(session, engine.recipe(ROOT, name), kind, lambda: engine.built(ROOT, kind, say, name), say)
    console.say(f"image     {image.asked}")
    console.say(f"digest    {image.digest}")
    console.say(f"by hand   mode.image={image.uri}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: Docker's copy of the password goes first
    sys.exit(console.main(lambda: push_image(command_line.read(VERB))))
