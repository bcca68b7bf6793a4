"""Test which promises hold for a program: does it replay to the same bits, and resume to the same bits?

It trains a short version three times, in new processes: unbroken, again, and killed and resumed (kill=SEED: where).
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import dataclasses
import sys
import tempfile
from pathlib import Path

from harness import console
from harness.contract.rules import Rule
from harness.settings import command_line, compose, conf
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.verb import Own, Verb

NUMBER = Rule("a number", str.isdigit, lambda _: 1)
VERB = Verb(
    name="prove",
    about=__doc__,
    examples=(
        ("", "the program that is the default"),
        ("program=digits", "another one"),
        ("mode.runner=container", "in containers"),
        ("workers=2", "what two workers promise, too"),
        ("kill=1", "killed at another step"),
    ),
    own=(
        Own("kill", "SEED", "chooses the step at which a training is killed", NUMBER),
        Own("workers", "N", "how many workers train, as mode.instance_count", NUMBER),
    ),
    settings=("program", "scale", "training", "mode", "data"),
    exits={0: "all that the program offers is proven", 1: "a promise is broken, or a training failed"},
)
PROOF = "proof"  # the scale, where a program has it


def prove(line: CommandLine) -> int:
    """Train, kill, resume, compare; keep what came of it."""
    settings = compose.one(_short(line))
    from harness.evidence import promises, proven
    from harness.planning import draft
    from harness.planning.proof import Prover

    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="proof-", dir=ROOT / ".cache") as scratch:
        mode = dataclasses.replace(settings.mode, checkpoint_seconds=0.0)  # a checkpoint after each step
        short = dataclasses.replace(settings, mode=mode, runs_folder=scratch)
        drafted = draft.make(short, console.say)
        console.say(f"program   {settings.program}: {drafted.plan.description.about}")
        proof = Prover(drafted, Path(scratch), console.say).prove(int(line.own["kill"] or 0))
    kept = proven.keep(ROOT, proof)
    for promise in proof.promises:
        console.say(f"{promise.name:9} {promise.status} on {promise.fingerprint[:8]}: {promise.why}")
    console.say(f"kept      {kept.relative_to(ROOT)}")
    return 1 if any(each.status == promises.BROKEN for each in proof.promises) else 0


def _short(line: CommandLine) -> CommandLine:
    """The same, on this machine and, unless a scale was typed, at the scale that is for proofs where there is one."""
    typed = {conf.assigned(word)[0] for word in line.overrides}
    (program,) = conf.chosen("program", line.overrides)
    scale = PROOF if conf.scale(program, PROOF) else "quick"
    fixed = () if "scale" in typed else (f"scale={scale}",)
    workers = line.own["workers"]
    asked = (f"mode.instance_count={workers}",) if workers else ()
    return dataclasses.replace(line, overrides=(*fixed, *line.overrides, *asked))


if __name__ == "__main__":
    sys.exit(console.main(lambda: prove(command_line.read(VERB))))
