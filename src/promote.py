"""Put a run in force: with a commit, a tag and an archive for everybody. Without a run, say which were.

A run that is dirty, unreplayed, on sample data, or worse than the one in force is refused. `promoted` names the run in
force, to evaluate.py, export.py, compare.py and others.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import dataclasses
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.errors import SettingError
from harness.contract.rules import one_of
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import Cloud
from harness.settings.verb import Names, Own, Verb
from harness.sharing.promotions import program_of

VERB = Verb(
    name="promote",
    about=__doc__,
    examples=(
        ("", "what was promoted, and what is in force"),
        ("20260101T000000Z-0123abcd", "put that run in force"),
        ("back", "put the one before in force again"),
        ("last push=false", "only a commit on this branch, whose merge puts it in force"),
        ("last registry=models mode=cloud", "also a version in that group of SageMaker's model registry"),
    ),
    names=Names("RUN", range(2), "one run or none", "a run's id or folder, `last`, or an archive"),
    own=(
        Own("back", "", "take the run in force back"),
        Own("push", "BOOL", "false: no tag, and nothing goes to git's remote", one_of("true", "false")),
        Own("registry", "GROUP", "SageMaker's model registry: the group that gets a version; with mode=cloud"),
    ),
    settings=("program", "mode", "data", "runs_folder"),
    exits={
        0: "it is in force, or was already",
        1: "another promotion came first, or scoring a model failed",
        2: "one line says why the run is refused, or what is missing",
        3: "it is worse than the run in force",
    },
)


def promote(line: CommandLine) -> int:
    """Check, compare, archive, commit."""
    settings, back = compose.one(line), bool(line.own["back"])
    group, push = line.own["registry"], line.own["push"] != "false"
    if back and line.names:
        raise SettingError(f"back takes no {line.names[0]}", legal="back, or RUN", command=f"{VERB.command} back")
    if group and not isinstance(settings.mode, Cloud):
        command = f"{VERB.command} RUN registry={group} mode=cloud"
        raise SettingError(f"registry={group} is SageMaker's", legal="mode=cloud", command=command)
    if group and not push:
        raise SettingError(f"registry={group} is for a run that is in force", legal="registry without push=false")
    from harness.evidence.decision import EXITS
    from harness.evidence.significance import WORSE
    from harness.runs import stored
    from harness.runs.run_folder import RunFolder
    from harness.sharing import fitness, promote, promotions, referee

    if not line.names and "program" not in command_line.typed_settings():
        settings = dataclasses.replace(settings, program=promotions.meant(ROOT, promotions.FOLDER))
    if not line.names and not back:
        console.say(promotions.read(ROOT, settings.program).shown())
        return 0
    with promote.alone(ROOT), tempfile.TemporaryDirectory() as scratch:
        at = referee.branch(ROOT, alone=not push)
        history = promote.current(at, settings.program)
        if back:
            new, files = promote.back(at, history), {}
        else:
            run, known = promote.found(ROOT / settings.runs_folder, line.names[0], Path(scratch))
            fit = fitness.fit(run, known)
            if history.in_force and history.in_force.run_id == run.run_id:
                console.say(f"in force  {run.run_id} already")
                return 0
            decided, why = promote.compared(ROOT, history, run, settings, Path(scratch), console.say)
            console.say(f"decision  {why}")
            if decided and decided.word == WORSE:
                console.complain(f"error: {run.run_id} is worse than {decided.old}, which is in force: {decided.why}")
                return EXITS[WORSE]
            new, files = promote.entry(at, fit, decided, why), promote.pack(ROOT, run, console.say)
        tag = promote.land(at, history, new, files, push, console.say)
        console.say(f"in force  {new.run_id}, {f'tag {tag}' if tag else f'once {at.name} is merged'}")
        promote.tell_comet(new, tag, console.say)
        if group and isinstance(settings.mode, Cloud):
            from harness.cloud.aws import registry

            (folder := Path(scratch, "registered")).mkdir()
            promotions.opened(ROOT, settings.program, new, folder)
            registry.register(settings.mode, group, stored.read(RunFolder(folder)), new.when, console.say)
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: promote(command_line.read(VERB, program_of))))
