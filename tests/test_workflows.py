"""CI's workflows: legal, without keys, and the commands of their steps, taken from the files, do what they promise."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from harness.settings.project import ROOT
from harness.sharing import promotions
from tests.support import blobs
from tests.support.blobs import branched, git_says, in_force, on_main, shell, trained, typed
from tests.support.projects import git

pytestmark = pytest.mark.usefixtures("comet_aside", "plots_aside")

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
GITLAB = ROOT / ".gitlab-ci.yml"
BIN = Path(sys.executable).parent
BOT = "github-actions[bot]"


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_they_fit_the_schemas_of_github_and_gitlab() -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema"]
    for words in (
        ["vendor.github-workflows", *map(str, WORKFLOWS)],
        ["vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(GITLAB)],
    ):
        done = subprocess.run([*check, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_zizmor_finds_no_way_in() -> None:
    command = [str(BIN / "zizmor"), "--offline", "--no-progress", "--format=plain", str(FOLDER)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_key_is_stored_and_who_writes_runs_no_code_of_the_pull_request() -> None:
    for path in [*WORKFLOWS, GITLAB]:
        assert "secrets." not in path.read_text() and "AWS_SECRET" not in path.read_text()
    model = parsed(FOLDER / "model.yml")
    assert model["permissions"] == {} and "pull_request_target" not in model[True]  # YAML's `on`
    compare, comment = model["jobs"]["compare"], model["jobs"]["comment"]
    assert compare["permissions"] == {"contents": "read", "id-token": "write"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert not any("checkout" in str(step) or ".ci/" in str(step) for step in comment["steps"])
    assert "head.repo.full_name == github.repository" in comment["if"]


def test_what_they_run_is_there() -> None:
    for path in [*WORKFLOWS, GITLAB]:
        for name in re.findall(r"bash (\.ci/[\w-]+)", path.read_text()):
            assert (ROOT / name).is_file()
            subprocess.run(["bash", "-n", ROOT / name], check=True)


def step(workflow: str, job: str, name: str) -> dict[str, Any]:
    """A step of a job, by its name."""
    steps: list[dict[str, Any]] = parsed(FOLDER / f"{workflow}.yml")["jobs"][job]["steps"]
    return next(each for each in steps if each.get("name") == name)


def run_step(
    project: Path, found: dict[str, Any], values: dict[str, str], **environment: str
) -> "subprocess.CompletedProcess[str]":
    """A step's own commands, as GitHub's runner calls them; `values` are those of the expressions in its `env`."""
    env = {
        name: re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: values[match[1]], str(value))
        for name, value in found.get("env", {}).items()
    }
    assert "${{" not in found["run"]  # which would be pasted into the shell
    command = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"])
    return shell(project, *command, **{**environment, **env})


GH = """#!{python}
# As much of GitHub as the steps ask of it by its client: the comments of one pull request, and a new pull request.
import json, pathlib, sys
store = pathlib.Path("{store}")
state = json.loads(store.read_text())
words = sys.argv[1:]
if words[:2] == ["pr", "create"]:
    options = dict(zip(words[2::2], words[3::2]))
    state["requests"].append({{**options, "body": pathlib.Path(options["--body-file"]).read_text()}})
else:
    assert words[0] == "api", words
    body = [pathlib.Path(word.removeprefix("body=@")).read_text() for word in words if word.startswith("body=@")]
    path = next(word for word in words[1:] if word.startswith("repos/"))
    if "PATCH" in words:
        (comment,) = [each for each in state["comments"] if path == f"repos/o/r/issues/comments/{{each['id']}}"]
        comment["body"], comment["edits"] = body[0], comment["edits"] + 1
    elif body:
        assert path == "repos/o/r/issues/7/comments", path
        state["comments"].append({{"id": len(state["comments"]) + 1, "body": body[0], "edits": 0, "login": "{bot}"}})
    else:
        assert path == "repos/o/r/issues/7/comments" and "startswith" in words[words.index("--jq") + 1]
        for each in state["comments"]:
            if each["login"] == "{bot}" and each["body"].startswith("<!-- harness:"):
                print(each["id"])
store.write_text(json.dumps(state))
"""


@pytest.fixture
def github(tmp_path: Path) -> Path:
    """What the stand-in of GitHub holds: a file, in a folder whose bin/ has its client."""
    store = tmp_path / "github.json"
    others = [{"id": 1, "login": "somebody", "body": "<!-- harness: quoted", "edits": 0}]
    store.write_text(json.dumps({"comments": others, "requests": []}))
    (tmp_path / "bin").mkdir()
    client = tmp_path / "bin" / "gh"
    client.write_text(GH.format(python=sys.executable, store=store, bot=BOT))
    client.chmod(0o755)
    return store


def with_gh(store: Path) -> dict[str, str]:
    return {"PATH": f"{store.parent / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"}


def test_a_comment_is_written_once_and_then_edited(github: Path, tmp_path: Path) -> None:
    found = step("model", "comment", "Write the comment, or edit it")
    values = {"github.token": "x", "github.event.pull_request.number": "7"}
    for text in ("<!-- harness: what this does to the model -->\nfirst", "<!-- harness: ... -->\nsecond"):
        (tmp_path / "comment.md").write_text(text)
        done = run_step(tmp_path, found, values, GITHUB_REPOSITORY="o/r", **with_gh(github))
        assert done.returncode == 0, done.stderr
    somebodys, ours = json.loads(github.read_text())["comments"]
    assert somebodys["edits"] == 0 and (ours["edits"], ours["body"]) == (1, text)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first run is in force."""
    project = blobs.make(tmp_path_factory.mktemp("workflows"))
    typed(project, "promote", trained(project))
    return project


@pytest.mark.long
def test_githubs_steps_refuse_what_is_worse_and_pass_what_changes_nothing(begun: Path, tmp_path: Path) -> None:
    train = step("model", "compare", "Train what changed and compare")
    gate = step("model", "compare", "Refuse what is worse")
    for branch, cats, code in (("worse", 80, 3), ("same", None, 0)):
        branched(begun, branch)
        if cats is not None:
            blobs.write_points(begun, cats=cats)
        git(begun, "commit", "--allow-empty", "--all", "--message", branch)
        output, shown = tmp_path / f"{branch}.txt", tmp_path / f"{branch}.md"
        # a checkout of Actions has the base as a branch of its remote
        done = run_step(
            begun, train, {"github.base_ref": "main"}, GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(shown)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert output.read_text() == f"status={code}\n" and shown.read_text().startswith("<!-- harness:")
        assert run_step(begun, gate, {"steps.compare.outputs.status": str(code)}).returncode == code
    for status, code in (("4", 0), ("2", 2)):
        assert run_step(begun, gate, {"steps.compare.outputs.status": status}).returncode == code


@pytest.mark.long
def test_retraining_on_better_data_opens_a_pull_request_whose_merge_puts_the_run_in_force(
    begun: Path, github: Path
) -> None:
    work, request = (
        step("retrain", "retrain", name) for name in ("Train, replay, compare, commit", "Open the pull request")
    )
    on_main(begun)
    done = run_step(begun, work, {"inputs.settings": ""})
    assert done.returncode == 0 and "nothing to do" in done.stdout, done.stderr
    done = run_step(begun, request, {"github.token": "x"}, **with_gh(github))
    assert done.returncode == 0 and json.loads(github.read_text())["requests"] == []

    before = in_force(begun)
    blobs.write_points(begun, cats=790)
    blobs.dvc(begun, "push", "--quiet")
    git(begun, "commit", "--all", "--message", "New data")
    git(begun, "push", "--quiet")
    done = run_step(begun, work, {"inputs.settings": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    here = f"file://{begun.parent / 'git.git'}"
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{here}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:token@github.com/o/r.git",
    }
    own = {"GITHUB_REPOSITORY": "o/r", "GITHUB_REF_NAME": "main", **instead, **with_gh(github)}
    done = run_step(begun, request, {"github.token": "token"}, **own)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = json.loads(github.read_text())["requests"]
    run = made["--head"].removeprefix("retrain/")
    assert made["--base"] == "main" and made["--title"] == f"Retrain: {run}" and before in made["body"]
    assert "train: cat 800 -> 790" in made["body"]

    on_main(begun)
    assert in_force(begun) == before
    git(begun, "merge", "--quiet", made["--head"])
    assert in_force(begun) == run != before
    assert promotions.read(begun, "blobs").entries[-1].against == before
    assert "dvc.lock" in git_says(begun, "ls-files", "dvc.lock")
    git(begun, "push", "--quiet")
    other = blobs.clone(begun.parent, "Dee")
    assert "recorded" in typed(other, "evaluate", "promoted")


@pytest.mark.cloud
@pytest.mark.long
@pytest.mark.slow
def test_retraining_on_sagemaker_sends_a_job_waits_for_it_and_replays_it_there(begun: Path, aws: Any) -> None:
    work = step("retrain", "retrain", "Train, replay, compare, commit")
    on_main(begun)
    before = in_force(begun)
    blobs.write_points(begun, cats=799)
    blobs.dvc(begun, "push", "--quiet")
    git(begun, "commit", "--all", "--message", "Newer data")
    git(begun, "push", "--quiet")
    settings = (
        "mode=cloud mode.instance_type=ml.m5.large mode.preflight=false mode.spot=false mode.threads=1 scale=quick"
    )
    done = run_step(begun, work, {"inputs.settings": settings}, **aws.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    run = (begun / "comparison/branch.txt").read_text().strip().removeprefix("retrain/")
    assert len(aws.jobs) == 2 and in_force(begun) == run != before  # the training and its replay
    entry = promotions.read(begun, "blobs").entries[-1]
    assert (entry.run_id, entry.verdict) == (run, "identical")
    assert "dollars" in (begun / "comparison/comment.md").read_text()


class Notes(ThreadingHTTPServer):
    """As much of GitLab's API as the notes of one merge request need."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = [{"id": 1, "body": "looks good"}]
        self.seen: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.seen.append((self.command, self.headers.get("PRIVATE-TOKEN")))
                path = urlsplit(self.path).path
                if self.command == "POST":
                    server.notes.append({"id": len(server.notes) + 1, "body": parse_qs(asked)["body"][0]})
                elif self.command == "PUT":
                    server.notes[int(path.rpartition("/")[2]) - 1]["body"] = parse_qs(asked)["body"][0]
                content = json.dumps(server.notes).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def gitlab() -> Iterator[Notes]:
    server = Notes()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.long
def test_gitlabs_script_leaves_one_note_and_ends_as_the_comparison_does(begun: Path, gitlab: Notes) -> None:
    job = parsed(GITLAB)["model"]
    on_main(begun)
    branched(begun, "gitlab")
    conf = begun / "conf/program/blobs.yaml"
    conf.write_text(conf.read_text().replace("rate: 0.5", "rate: 0.55"))
    git(begun, "commit", "--all", "--message", "Another rate")
    variables = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}/api/v4",
        "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "NOTE_TOKEN": "planted-note-token",
        "NO_PROXY": "127.0.0.1",
    }
    for _ in range(2):
        done = shell(begun, "bash", "-eo", "pipefail", "-c", "\n".join(job["script"]), **variables)
        assert done.returncode == 4 == job["allow_failure"]["exit_codes"], done.stdout + done.stderr
    good, ours = gitlab.notes
    assert good["body"] == "looks good" and "blobs: cannot tell" in ours["body"]
    assert [method for method, _ in gitlab.seen] == ["GET", "POST", "GET", "PUT"]
    assert {token for _, token in gitlab.seen} == {"planted-note-token"}


def test_a_role_of_aws_is_taken_on_by_the_jobs_own_token_which_is_renewed(tmp_path: Path) -> None:
    given, renewed = 0, threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal given
            good = self.headers["Authorization"] == "bearer asked" and self.path.endswith("&audience=sts.amazonaws.com")
            given += good
            content = json.dumps({"value": f"token {given}" if good else None}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)
            if given > 2:  # then the second one is in its place
                renewed.set()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "RUNNER_TEMP": str(tmp_path),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "asked",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/?x=y",
        "NO_PROXY": "127.0.0.1",
        "RENEW_SECONDS": "0.1",
    }
    try:
        done = shell(ROOT, "bash", ".ci/aws-role", "arn:aws:iam::1:role/r", "eu-west-1", **variables)
        assert done.returncode == 0, done.stderr
        assert renewed.wait(60)
    finally:
        os.kill(int((tmp_path / "aws-token.pid").read_text()), signal.SIGTERM)
        server.shutdown()
        server.server_close()
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert (found["AWS_ROLE_ARN"], found["AWS_DEFAULT_REGION"]) == ("arn:aws:iam::1:role/r", "eu-west-1")
    token = Path(found["AWS_WEB_IDENTITY_TOKEN_FILE"])
    assert int(token.read_text().removeprefix("token ")) >= 2 and token.stat().st_mode & 0o077 == 0
