"""Begin a program of your own: its folder, its part of conf/ and its test, ready to train and to be proven."""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys

from harness import console
from harness.contract.errors import SettingError
from harness.contract.program import NAME
from harness.contract.rules import one_of
from harness.planning import begin
from harness.settings import command_line
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Names, Own, Verb

VERB = Verb(
    name="new",
    about=__doc__,
    examples=(
        ("mine", "a training in steps, whose loop the harness owns"),
        ("mine like=command", "a script that is run as it stands"),
    ),
    names=Names("NAME", range(1, 2), "one name", "small letters, numbers and _; it becomes src/programs/NAME"),
    own=(Own("like", "steps|command", "the kind of program", one_of(*begin.KINDS)),),
    composes=False,
    exits={0: "the files are there"},
)


def new(line: CommandLine) -> int:
    """Write the files, none over another, and say what to type next."""
    name = line.names[0]
    if not NAME.fullmatch(name):
        command = f"{VERB.command} {begin.nearest(name)}"
        raise SettingError(f"{name} is no program's name", legal="small letters, numbers and _", command=command)
    for path in begin.write(ROOT, name, line.own["like"] or begin.KINDS[0]):
        console.say(f"written   {path.relative_to(ROOT)}")
    console.say(f"type      python src/prove.py program={name} && python src/train.py program={name}")
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: new(command_line.read(VERB))))
