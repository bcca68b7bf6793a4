"""Pull requests and promotions, typed as people and CI type them, with git, DVC and their remotes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.sharing import promotions
from tests.support import blobs
from tests.support.blobs import branched, git_says, in_force, on_main, shell, trained, typed
from tests.support.projects import PLANTED, git, runs

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first run is in force."""
    folder = tmp_path_factory.mktemp("continuous")
    project = blobs.make(folder)
    typed(project, "promote", trained(project))
    return project


@pytest.mark.long
def test_a_pull_request_that_thins_a_class_is_called_worse_and_by_which_class(begun: Path) -> None:
    branched(begun, "thin")
    blobs.write_points(begun, cats=80)
    git(begun, "commit", "-am", "Fewer cats")
    done = shell(begun, "bash", ".ci/compare", "main")
    assert done.returncode == 3, done.stdout + done.stderr
    comment = (begun / "comparison/comment.md").read_text()
    made = json.loads((begun / "comparison/summary.json").read_text())
    judged = made["decision"]["sets"]["new test"]
    assert made["word"] == "worse" and judged["classes"]["cat"]["word"] == "worse, of these two"
    assert judged["classes"]["cat"]["old"] - judged["classes"]["cat"]["new"] > 0.3
    assert "worse, of these two on cat" in comment and "train: cat 800 -> 80" in comment and "xychart" in comment
    assert made["replayed"].startswith("identical") and made["changed"] == ["data"]


@pytest.mark.long
def test_a_pull_request_inside_the_noise_cannot_be_told_and_says_how_many_seeds_could(begun: Path) -> None:
    branched(begun, "rate")
    conf = begun / "conf/program/blobs.yaml"
    conf.write_text(conf.read_text().replace("rate: 0.5", "rate: 0.6"))
    git(begun, "commit", "-am", "Another rate")
    done = shell(begun, "bash", ".ci/compare", "main")
    assert done.returncode == 4, done.stdout + done.stderr
    comment = (begun / "comparison/comment.md").read_text()
    made = json.loads((begun / "comparison/summary.json").read_text())
    assert made["word"] == "cannot tell" and "inside the noise" in made["why"] and "seeds of each" in made["why"]
    assert made["settings"] == [["rate", "0.5", "0.6"]] and "| rate | 0.5 | 0.6 |" in comment


@pytest.mark.long
def test_a_pull_request_that_edits_the_readme_has_nothing_to_do(begun: Path) -> None:
    branched(begun, "words")
    readme = begun / "README.md"
    readme.write_text(readme.read_text() + "\nMore words.\n")
    git(begun, "commit", "-am", "Say more")
    before = runs(begun)
    done = shell(begun, "bash", ".ci/compare", "main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to do" in (begun / "comparison/comment.md").read_text()
    assert runs(begun) == before


@pytest.mark.long
def test_a_run_is_promoted_evaluated_elsewhere_and_taken_back(begun: Path) -> None:
    on_main(begun)
    first, second = in_force(begun), trained(begun, "seed=1")
    assert "in force" in typed(begun, "promote", second)
    assert in_force(begun) == second
    assert git_says(begun, "status", "--short", "promoted") == ""
    remote = git_says(begun, "ls-remote", "origin")
    head = git_says(begun, "rev-parse", "HEAD").strip()
    assert f"{head}\trefs/heads/main" in remote and f"{head}\trefs/tags/promoted/blobs/2" in remote

    other = blobs.clone(begun.parent, "Bea")
    (weights,) = [each.weights for each in promotions.read(other, "blobs").entries if each.run_id == second]
    said = typed(other, "evaluate", "promoted")
    assert "test accuracy" in said and "recorded" in said
    typed(other, "export", "promoted", "model=true", "output=mine.zip")
    assert weights[:16] in typed(other, "compare", "promoted", "mine.zip", "all")

    assert first in typed(other, "promote", "back")
    assert in_force(other) == first
    assert "no run of blobs was in force before" in typed(other, "promote", "back", code=2)
    assert "git pull" in typed(begun, "promote", second, code=2)  # Bea's is not here yet
    git(begun, "pull", "--quiet")
    assert in_force(begun) == first
    assert typed(begun, "promote").splitlines()[0].startswith("in force  " + first)


@pytest.mark.long
def test_a_run_that_is_dirty_unreplayed_or_worse_is_refused(begun: Path) -> None:
    on_main(begun)
    before = git_says(begun, "rev-parse", "HEAD"), in_force(begun)
    typed(begun, "train", "seed=2")
    unreplayed = runs(begun)[-1].name
    assert "was not replayed" in typed(begun, "promote", unreplayed, code=2)
    worse = trained(begun, "rate=0.001", "epochs=1")
    assert "is worse than" in typed(begun, "promote", worse, code=3)
    code = begun / "src/programs/blobs/training.py"
    was = code.read_text()
    code.write_text(was + "# not committed\n")
    dirty = trained(begun)
    code.write_text(was)
    assert "uncommitted changes" in typed(begun, "promote", dirty, code=2)
    assert (git_says(begun, "rev-parse", "HEAD"), in_force(begun)) == before
    assert git_says(begun, "status", "--short", "promoted") == ""


HOOK = """#!/bin/sh
# Cid's push waits, as on a slow network, until Ada's is through.
while read old new ref; do
    if [ "$(git log -1 --format=%an "$new")" = Cid ]; then
        touch "{folder}/arrived"
        while [ ! -e "{folder}/go" ]; do sleep 0.05; done
    fi
done
"""


@pytest.mark.long
def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(begun: Path) -> None:
    on_main(begun)
    other = blobs.clone(begun.parent, "Cid")
    ours, theirs = trained(begun, "seed=3"), trained(other, "seed=4")
    hook = begun.parent / "git.git" / "hooks" / "pre-receive"
    hook.write_text(HOOK.format(folder=begun.parent))
    hook.chmod(0o755)
    before = git_says(other, "rev-parse", "HEAD")
    command = [sys.executable, "src/promote.py", theirs]
    environment = {**os.environ, **PLANTED}
    late = subprocess.Popen(
        command, cwd=other, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (begun.parent / "arrived").exists():
        assert late.poll() is None, late.communicate()
    typed(begun, "promote", ours)
    (begun.parent / "go").touch()
    _, errors = late.communicate()
    assert late.returncode == 1 and f"{theirs} was not promoted: {ours} by Ada" in errors, errors
    assert git_says(other, "rev-parse", "HEAD") == before and git_says(other, "status", "--short", "promoted") == ""
    hook.unlink()
    git(other, "pull", "--quiet")
    typed(other, "promote", theirs)  # by seeds alone no better, and no worse
    assert in_force(other) == theirs
    assert len(promotions.read(other, "blobs").standing) == 3


@pytest.mark.long
def test_a_promotion_that_the_remote_took_is_in_force_though_the_branch_went_on_here(begun: Path) -> None:
    on_main(begun)
    git(begun, "pull", "--quiet")
    run = trained(begun, "seed=5")
    hook = begun.parent / "git.git" / "hooks" / "post-receive"
    by_hand = f"git -C {begun} -c user.name=A -c user.email=a@example.org commit --quiet --allow-empty -m meanwhile"
    hook.write_text(f"#!/bin/sh\nunset $(git rev-parse --local-env-vars)\n{by_hand}\n")
    hook.chmod(0o755)
    told = typed(begun, "promote", run)
    hook.unlink()
    assert "git pull" in told and f"in force  {run}" in told
    git(begun, "pull", "--quiet", "--no-rebase", "--no-edit")
    assert in_force(begun) == run
