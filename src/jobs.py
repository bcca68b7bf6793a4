"""List this project's jobs on SageMaker and what lies in S3 and ECR; `clean RUN` removes what a finished run left.

What is removed is shown before, and asked about.
"""

from harness import interrupt  # noqa: F401  # first: it answers Ctrl-C while the rest is imported

# isort: split
import sys

from harness import console
from harness.contract.errors import NotReady, SettingError
from harness.settings import command_line, compose
from harness.settings.command_line import CommandLine
from harness.settings.project import ROOT
from harness.settings.schema import Cloud
from harness.settings.verb import Names, Verb

CLEAN = "clean"
VERB = Verb(
    name="jobs",
    about=__doc__,
    examples=(
        ("", "the newest jobs with their state and cost, and what is stored"),
        ("mode.region=eu-west-1", "those of another region"),
        ("clean 20260101T000000Z-0123abcd", "remove from S3 what that run left; its folder here stays"),
    ),
    names=Names("WORD", range(1000), "nothing, or clean and runs", "clean, then the ids of runs whose record is here"),
    settings=("mode", "runs_folder", "yes"),
    fixed=("mode=cloud",),
    exits={0: "listed, or removed", 1: "AWS refused to remove something"},
)


def jobs(line: CommandLine) -> int:
    """The table, or the removal."""
    settings = compose.one(line)
    assert isinstance(settings.mode, Cloud)
    if line.names and (line.names[0] != CLEAN or len(line.names) < 2):
        raise SettingError(
            f"{line.names[0]} is not legal here", legal=f"{CLEAN} RUN", command=f"{VERB.command} {CLEAN} RUN"
        )
    from harness.cloud import overview
    from harness.cloud.aws import account
    from harness.cloud.aws.session import session
    from harness.runs import run_folder

    made, runs, say = session(settings.mode.region), ROOT / settings.runs_folder, console.say
    if line.names:
        found = [run_folder.named(runs, name) for name in line.names[1:]]
        owned = [(run, overview.removable(run)) for run in found]
        for run, job in owned:
            objects = overview.left(made, job, run)
            say(f"{run.path.name}: {len(objects)} objects, {sum(size for _, size in objects) / 1e6:.1f} MB")
            for key, size in objects:
                say(f"  {size:>12} s3://{job.bucket}/{key}")
            if not objects:
                continue
            if not settings.yes and input("Remove them? [y/N] ").strip().lower() not in ("y", "yes"):
                raise NotReady("nothing was removed", command=f"{VERB.command} {CLEAN} {run.path.name} yes=true")
            overview.remove(made, job, [key for key, _ in objects], say)
        return 0
    standings = list(overview.jobs(made, runs))
    if standings:
        console.table(f"jobs in {made.region_name}", [overview.HEAD, *(each.cells for each in standings)])
        say(f"\n  the newest one: {overview.where(standings[0])}")
    else:
        say(f"SageMaker knows no job of this project in {made.region_name}")
    bucket = settings.mode.bucket or f"sagemaker-{made.region_name}-{account.number(made)}"
    stored = overview.sizes(made, bucket, settings.mode.prefix)
    rows = [(name, f"{size / 1e6:.1f} MB") for name, size in sorted(stored.items())]
    rows.append(("images in ECR", f"{overview.image_bytes(made) / 1e6:.1f} MB"))
    console.table(f"stored in s3://{bucket}/{settings.mode.prefix}", rows)
    return 0


if __name__ == "__main__":
    sys.exit(console.main(lambda: jobs(command_line.read(VERB))))
