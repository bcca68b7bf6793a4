"""Every command that README and docs/ tell to type does what it should, in their order; or it is named why not here."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.settings.project import ROOT
from tests import test_documents as documents
from tests.support import projects
from tests.support.projects import PLANTED, SLOW, TINY, broken, git, make_project, type_in

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

# What is not run here: how it begins, and why. A test that is named runs it, or what it is made of.
NOT_HERE = (
    (r"make (test|test-long|coverage|check|mutants|lock|faults|crate|torch|figures|planted)\b", "CI's own, or hours"),
    (r"python (benchmarks/|tools/|-m|-c)", "a measurement, hours together"),
    (r"bash \.ci/run", "what runs this"),
    (r"make demo", "tests/tools/test_demo.py"),
    (r"make example", "tests/test_example.py"),
    (r"make venv", "tests/tools/test_venv.py"),
    (r"make (base-)?image", "tests/launch/test_image.py"),
    (r".*\bmake push-image", "tests/cloud/aws/test_push.py"),
    (r"CIFAR10_DIR=", "make test with other data"),
    (r"source ", "the environment runs this"),
    (r"copier ", "tests/test_template.py"),
    (r"cd ", "tests/test_template.py"),
    (r"make retrain-check|python src/retrain_check", "tests/test_retrain_check.py"),
    (r"python src/(attach|jobs|push_image)\.py", "tests/cloud/test_jobs.py"),
    (r"python src/train\.py mode=cloud resume=", "needs a job that failed"),
    (r"python src/\w+\.py .*program=boston", "a script of somebody else's, which is not here"),
    (r"python src/\w+\.py .*mode\.runner=container", "tests/launch/test_container.py"),
    (r"python src/\w+\.py .*isolated=true", "tests/launch/test_isolated.py"),
    (r"python src/replay\.py (COMET_KEY|PATH/TO)|python src/sync\.py", "tests/tracking/test_sync.py"),
    (r"python src/fetch\.py archive=PATH", "tests/data/test_archive.py"),
    (r"python src/(promote|summary)\.py|python src/\w+\.py promoted", "tests/test_continuous.py"),
    (r"python src/pack\.py|python src/\w+\.py .*program=images", "tests/programs/images/test_runs.py"),
    (r"python src/report\.py serve", "tests/report/test_serve.py"),
    (r"python src/replay\.py docs/example", "tests/test_example.py"),
    (r"dvc (repro|exp (run -S|show)|metrics|plots)\b", "tests/test_pipeline.py"),
    (r"dvc (add|push|queue|exp run --queue)\b", "DVC's own, with data or a remote that is the reader's"),
    (r"git ", "the project's history is the reader's"),
    (r"(aws|docker|pre-commit) ", "another program's, and an account"),
)
COMMAND = re.compile(r"(\w+=\S+ )?(python|make|bash|copier|source|dvc|git|aws|docker|pre-commit|cd) \S")
OF_CIFAR10 = re.compile(r"resnet_size|learning_rate|\+experiment|mode=cloud|mode\.instance_count")
DOCUMENTS = [path for path in documents.DOCUMENTS if path.name not in (*documents.PAST, "first-hour.md")]


def typed(path: Path) -> list[list[str]]:
    """The commands of a document, as they are typed."""
    text = re.sub(r"(?ms)^```python\n.*?^```$", "", path.read_text()).replace("\\\n", " ")
    fenced = re.compile(r"(?ms)^```\w*\n(.*?)^```$")
    lines = documents.code(fenced.sub(lambda block: re.sub(r"(?m)^", "    ", block[1]), text)).splitlines()
    return [words for line in map(str.strip, lines) if COMMAND.match(line) for words in documents.split(line)]


def reason(words: list[str]) -> str | None:
    """Why a command is not run here."""
    return next((why for begins, why in NOT_HERE if re.match(begins, " ".join(words))), None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two commits, two runs of the tiny program and one that was stopped."""
    project = make_project(tmp_path_factory.mktemp("commands") / "project")
    git(project, "commit", "--allow-empty", "-m", "second")
    for seed in (0, 1):
        assert type_in(project, *TINY, "mode.runner=process", "epochs=2", f"seed={seed}").returncode == 0
    broken(project, "epoch=2", signal.SIGTERM, *SLOW, "mode.runner=process")
    (project / ".venv").symlink_to(sys.prefix)
    return project


@pytest.fixture(scope="module")
def already() -> set[tuple[str, ...]]:
    """The commands that were typed."""
    return set()


def ready(project: Path, words: list[str]) -> list[str]:
    """The command with names of this project's runs and folders, small enough to run."""
    first, second, stopped = (run.name for run in projects.runs(project)[:3])
    names = iter([first, second])
    put = {
        "NAME": "tiny",
        "program=NAME": "program=tiny",
        "output=PATH": "output=runs/page.html",
        "src/VERB.py": "src/train.py",
    }
    words = [put[word] if word in put else next(names) if word in ("RUN", "RUN_ID", "RUN…") else word for word in words]
    words = [re.sub(r"\bRUN(_ID)?\b", stopped if word.startswith("resume=") else first, word) for word in words]
    if words[0] == "make":
        more = f" {' '.join(TINY)}" if words[1] == "train" else ""
        return ["make", "--assume-old=.venv/installed", *words[1:], f"ARGS=mode.runner=process{more}"]
    verb, resumes = words[1], any(word.startswith("resume=") for word in words)
    if verb == "src/train.py" and OF_CIFAR10.search(" ".join(words)):
        return [*words, "dry_run=true"]
    if verb in ("src/train.py", "src/prove.py", "src/fetch.py") and "--help" not in words:
        words += [] if resumes or any(word.startswith("program=") for word in words) else ["program=tiny"]
        words += [] if resumes or verb == "src/fetch.py" else ["mode.threads=1"]
        words += [] if verb == "src/fetch.py" else ["mode.runner=process"]
    if verb == "src/new.py" and words[2] == "tiny":
        words[2] = "fresh"
    return words


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_document_can_be_typed(
    base: Path, already: set[tuple[str, ...]], tmp_path: Path, path: Path
) -> None:
    commands = [words for words in typed(path) if reason(words) is None]
    if not commands:
        return
    project = tmp_path / "project"
    shutil.copytree(base, project, symlinks=True)
    first = projects.runs(project)[0].name
    assert type_in(project, first, f"output={first}.zip", verb="export").returncode == 0
    failed = []
    for words in commands:
        command = ready(project, list(words))
        if tuple(command) in already:  # another document's, which gave the same
            continue
        already.add(tuple(command))
        command[0] = sys.executable if command[0] == "python" else command[0]
        environment = {**os.environ, **PLANTED, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(
                f"{' '.join(words)} ({' '.join(command[1:])}): {done.returncode}\n{done.stdout[-500:]}{done.stderr}"
            )
    assert not failed, "\n".join(failed)


def test_every_command_is_run_or_has_a_reason_and_every_reason_a_command() -> None:
    everything = [" ".join(words) for path in DOCUMENTS for words in typed(path)]
    run = [words for words in everything if reason(words.split()) is None]
    assert [words for words in run if not re.match(r"python src/\w+\.py|make (train|repro-check)\b", words)] == []
    assert len(run) >= 40
    unused = [begins for begins, _ in NOT_HERE if not any(re.match(begins, words) for words in everything)]
    assert unused == []
    for _, why in NOT_HERE:
        assert not why.startswith("tests/") or (ROOT / why).exists(), why
