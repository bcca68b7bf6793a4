"""Each state of git as it is, in real repositories: what git cannot tell is unknown, and never clean."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness.provenance import changes, command, patch, rebuild, repository
from tests.support.lacking import lacking


def state_of(clone, **options):
    state = repository.git_state(clone.folder, **options)
    assert state.git is not None
    return state


def test_outside_a_repository_git_is_none_and_nothing_fails(plain_git):
    assert repository.git_state(plain_git) == repository.GitState(None, b"", ())


def test_a_clean_clone_has_no_patch_and_a_remote_that_nobody_pushed_to_says_so(clone):
    clone.git("remote", "add", "origin", "https://user:pa55word@example.org/a/b.git?token=x")
    state = state_of(clone)
    assert (state.patch, state.git.dirty, state.git.patch_sha256) == (b"", False, None)
    assert (state.withheld, state.unknown) == ((), ())
    assert (state.git.branch, state.git.pushed, state.git.remote) == ("main", False, "https://example.org/a/b.git")


def test_a_pushed_commit_is_known_to_be_pushed(clone, tmp_path):
    clone.git("init", "-q", "--bare", tmp_path / "remote.git")
    clone.git("remote", "add", "origin", tmp_path / "remote.git")
    clone.git("push", "-q", "origin", "main")
    assert state_of(clone).git.pushed is True


def test_the_remote_that_has_the_commit_is_named_rather_than_one_that_has_not(clone, tmp_path):
    clone.git("init", "-q", "--bare", tmp_path / "fork.git")
    clone.git("remote", "add", "origin", "https://example.org/upstream.git")
    clone.git("remote", "add", "fork", tmp_path / "fork.git")
    clone.git("push", "-q", "fork", "main")
    assert state_of(clone).git.remote == str(tmp_path / "fork.git")


def test_the_patch_rebuilds_the_working_tree_and_leaves_the_index_and_the_objects_alone(clone, tmp_path):
    clone.write("src/kept.py", "two = 2\n")
    clone.write("src/new file é.bin", bytes(range(256)))
    clone.write("src/staged.txt", "staged\n")
    clone.git("add", "src/staged.txt")
    clone.write("src/staged.txt", "staged, and changed since\n")
    before = {path: path.read_bytes() for path in (clone.folder / ".git").rglob("*") if path.is_file()}
    state = state_of(clone)
    assert {path: path.read_bytes() for path in (clone.folder / ".git").rglob("*") if path.is_file()} == before
    assert state.git.dirty is True
    assert clone.rebuilt(state.patch, tmp_path / "other") == clone.files()
    assert state_of(clone).git.patch_sha256 == state.git.patch_sha256


def test_ignored_files_stay_out_of_the_patch(clone):
    clone.write(".git/info/exclude", "junk/\n")
    clone.write("src/junk/a", "x")
    assert state_of(clone).git.dirty is False


def test_untracked_files_outside_src_and_conf_are_named_and_carried_only_where_the_user_names_them(clone):
    for name in ("conf/more.yaml", "dvc.yaml", "letters/to a friend.txt", "plan.txt", "tools/x/y.py"):
        clone.write(name, "x: 1\n")
    state = state_of(clone)
    outside = "untracked, and outside what a patch carries"
    names = ("letters/to a friend.txt", "plan.txt", "tools/x/y.py")
    assert state.withheld == tuple(f"{name} ({outside})" for name in names)
    assert b"conf/more.yaml" in state.patch and b"dvc.yaml" in state.patch
    state = state_of(clone, carry=("tools", "*.txt"))
    assert state.withheld == ()
    assert all(name.encode() in state.patch for name in names)


def test_an_ignored_file_is_carried_where_the_user_names_it_or_its_folder_and_never_one_of_secrets(clone, tmp_path):
    clone.write(".git/info/exclude", "*.txt\nkept-out/\n.env\n")
    for name in ("a.txt", "b.txt", "kept-out/c", "kept-out/.env", ":(top)x.txt"):
        clone.write(name, "x: 1\n")
    clone.write("kept-out/d", "key = " + "ghp_" + "a1" * 18)
    assert (state_of(clone).patch, state_of(clone).withheld) == (b"", ())
    state = state_of(clone, carry=("a.txt", "kept-out", ":(top)x.txt", "notes.md", "gone"))
    assert state.withheld == (
        "kept-out/.env (its name is that of a file with secrets)",
        "kept-out/d (its change holds a secret: GitHub token)",
    )
    rebuilt = clone.rebuilt(state.patch, tmp_path / "other")
    assert {*rebuilt} == {"src/kept.py", "notes.md", "a.txt", "kept-out/c", ":(top)x.txt"}


def test_a_project_below_the_top_carries_what_is_its_own(clone, tmp_path):
    clone.write("sub/src/kept.py", "a\n")
    clone.commit()
    clone.write("sub/src/new.py", "b\n")
    clone.write("src/other project.py", "c\n")
    clone.write("sub/dvc.lock", "schema: 1\n")
    state = repository.git_state(clone.folder / "sub")
    assert b"sub/src/new.py" in state.patch and b"dvc.lock" not in state.patch
    assert state.withheld == ("src/other project.py (untracked, and outside what a patch carries)",)
    sources = {"src/kept.py": b"a\n", "src/new.py": b"b\n"}
    assert rebuild.verify(clone.folder / "sub", state, sources) == []


def test_the_lock_that_dvc_writes_is_no_change(clone):
    clone.write("dvc.lock", "schema: 1\n")
    assert state_of(clone).git.dirty is False
    clone.git("add", "dvc.lock")
    clone.commit()
    clone.write("dvc.lock", "schema: 2\n")
    assert (state_of(clone).git.dirty, state_of(clone).patch) == (False, b"")


NAMES = (
    b"src/:(top)x", b"src/:!x", b"src/*", b"src/[a]", b"src/-rf", b"src/two\nlines", b'src/quo"te',
    b"src/back\\slash",
    b"src/not utf8 \xff", b"src/ends in a space ", b"src/tab\there", "src/é".encode(), "src/日本".encode(),
    b"src/a b/c d",
    b":(exclude,literal,top)conf", b"--cached", b"src/.gitattributes", b"conf/\x1b[2J",
)  # fmt: skip


def test_files_of_any_name_are_carried_or_named_and_change_nothing_else(clone, tmp_path):
    for name in NAMES:
        clone.write(name, "content\n")
    clone.write("src/kept.py", "two = 2\n")
    state = state_of(clone)
    carried = [os.fsdecode(name) for name in NAMES if name.startswith((b"src/", b"conf/"))]
    outside = [os.fsdecode(name) for name in NAMES if os.fsdecode(name) not in carried]
    assert state.git.dirty is True and len(carried) > 14
    assert state.withheld == tuple(f"{name} (untracked, and outside what a patch carries)" for name in sorted(outside))
    expected = {name: content for name, content in clone.files().items() if name not in outside}
    assert clone.rebuilt(state.patch, tmp_path / "other") == expected
    assert rebuild.verify(clone.folder, state, dict.fromkeys(carried, b"content\n")) == []
    # and the same where they are tracked, and changed
    clone.commit()
    for name in NAMES:
        clone.write(name, "another\n")
    assert clone.rebuilt(state_of(clone).patch, tmp_path / "third") == clone.files()


SETTINGS = (
    ("diff.context", "0"), ("diff.interHunkContext", "50"), ("diff.noprefix", "true"),
    ("diff.mnemonicPrefix", "true"),
    ("diff.orderFile", "gone"), ("diff.external", "false"), ("diff.renames", "copies"), ("diff.algorithm",
    "patience"),
    ("diff.suppressBlankEmpty", "true"), ("diff.relative", "true"), ("diff.ignoreSubmodules", "all"),
    ("diff.wordRegex", "."), ("diff.submodule", "diff"), ("color.ui", "always"), ("color.diff", "always"),
    ("core.quotePath", "true"), ("core.abbrev", "4"), ("core.pager", "false"), ("core.untrackedCache", "true"),
    ("core.splitIndex", "true"), ("core.fsmonitor", "/bin/false"), ("core.ignoreStat", "true"),
    ("core.trustctime", "false"), ("core.checkStat", "minimal"), ("core.safecrlf", "true"),
    ("core.preloadIndex", "false"), ("core.ignoreCase", "true"), ("status.showUntrackedFiles", "no"),
    ("status.relativePaths", "false"), ("status.branch", "false"), ("status.renames", "copies"),
    ("apply.whitespace", "error"), ("apply.ignoreWhitespace", "change"), ("diff.x.textconv", "false"),
    ("diff.x.command", "false"), ("diff.x.xfuncname", ".*"), ("index.version", "4"), ("index.threads", "4"),
    ("grep.lineNumber", "true"), ("log.showSignature", "true"), ("alias.status", "!false"), ("column.ui", "always"),
)  # fmt: skip


def test_no_setting_of_git_changes_the_patch(clone):
    clone.write("src/lines.py", "".join(f"line {number}\n" for number in range(50)))
    clone.write(".gitattributes", "*.py diff=x\n")
    clone.commit()
    clone.write("src/lines.py", "".join(f"line {number}\n" for number in range(50) if number != 20) + "\n\nlast")
    clone.write("src/untracked.py", "new\r\n")
    wanted = state_of(clone)
    assert wanted.unknown == () and b"untracked.py" in wanted.patch
    config = clone.folder / ".git" / "config"
    plain = config.read_text()
    for some in in_groups(SETTINGS):
        config.write_text(plain + "".join(map(section, some)))
        before = files_of_git(clone)
        assert state_of(clone) == wanted, some
        assert files_of_git(clone) == before, some


def in_groups(items, size=6):
    """A few at a time, each of which would change the outcome alone."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def section(setting):
    """A setting as .git/config has it."""
    section, _, name = setting[0].rpartition(".")
    section, _, inner = section.partition(".")
    return f"[{section}" + (f' "{inner}"' if inner else "") + f"]\n\t{name} = {setting[1]}\n"


def files_of_git(clone):
    return {path: path.read_bytes() for path in (clone.folder / ".git").rglob("*") if path.is_file()}


VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS",
    "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_PREFIX",
    "GIT_TRACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_DEFAULT_HASH", "GIT_PAGER",
    "GIT_CONFIG_PARAMETERS", "GIT_ATTR_SOURCE", "GIT_EXEC_PATH", "GIT_CONFIG",
)  # fmt: skip


def test_no_variable_of_the_caller_points_git_elsewhere(clone, tmp_path, monkeypatch):
    clone.write("src/kept.py", "two = 2\n")
    clone.write("src/new.py", "new\n")
    wanted = state_of(clone)
    clone.git("init", "-q", tmp_path / "elsewhere")
    for names in in_groups(VARIABLES):
        with monkeypatch.context() as patched:
            for name in names:
                value = tmp_path if name == "GIT_CEILING_DIRECTORIES" else tmp_path / "elsewhere" / ".git"
                patched.setenv(name, str(value))
            assert state_of(clone) == wanted, names


def test_an_embedded_repository_is_named_with_or_without_a_commit(clone):
    for name in ("src/empty", "src/full"):
        clone.write(f"{name}/a.py", "x\n")
        clone.git("init", "-q", folder=clone.folder / name)
    clone.git("add", "-A", folder=clone.folder / "src/full")
    clone.git("commit", "-q", "-m", "own", folder=clone.folder / "src/full")
    clone.write("src/new.py", "carried\n")
    state = state_of(clone)
    reason = "a repository of its own, which no patch carries"
    assert state.withheld == (f"src/empty ({reason})", f"src/full ({reason})")
    assert state.git.dirty is True and b"src/new.py" in state.patch


@pytest.fixture
def submodule(clone, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    clone.git("init", "-q", folder=library)
    (library / "a.py").write_text("one\n")
    clone.git("add", "-A", folder=library)
    clone.git("commit", "-q", "-m", "library", folder=library)
    clone.git("submodule", "add", "-q", library, "src/library")
    clone.commit()
    return clone


def test_a_submodule_as_committed_is_clean(submodule):
    assert state_of(submodule).git.dirty is False


@pytest.mark.parametrize("change", ["content", "untracked", "commit", "staged commit", "ignored by configuration"])
def test_a_changed_submodule_is_named(submodule, change):
    inside = submodule.folder / "src" / "library"
    name = "b.py" if change == "untracked" else "a.py"
    (inside / name).write_text("two\n")
    if "commit" in change:
        submodule.git("commit", "-aqm", "own", folder=inside)
    if change == "staged commit":
        submodule.git("add", "src/library")
    if change == "ignored by configuration":
        submodule.git("config", "submodule.src/library.ignore", "all")
    state = state_of(submodule)
    assert state.withheld == ("src/library (a changed submodule, which no patch carries)",)
    assert (state.git.dirty, state.patch) == (True, b"")


def test_files_in_a_submodule_that_is_not_initialised_are_named(submodule):
    submodule.git("submodule", "deinit", "-f", "-q", "src/library")
    assert state_of(submodule).git.dirty is False
    submodule.write("src/library/own.py", "x\n")
    state = state_of(submodule)
    assert state.withheld == ("src/library (a submodule that is not initialised, which no patch carries)",)


@pytest.mark.parametrize("required", ["true", "false"])
@pytest.mark.parametrize("tracked", [True, False])
def test_a_filter_that_is_not_installed_makes_the_state_unknown(clone, required, tracked):
    clone.write(".gitattributes", "*.bin filter=lfs\n")
    clone.write("src/model.bin", "pointer\n")
    clone.commit()
    clone.git("config", "filter.lfs.clean", "no-such-program clean %f")
    clone.git("config", "filter.lfs.required", required)
    clone.write("src/kept.py", "changed = 1\n")
    clone.write("src/model.bin" if tracked else "src/new.bin", "pointes\n")
    state = state_of(clone)
    assert any("filter" in line for line in state.unknown)
    assert state.git.dirty is not False
    assert b"changed = 1" in state.patch  # the others are carried all the same


def test_a_damaged_index_makes_the_state_unknown(clone):
    clone.write("src/kept.py", "changed = 1\n")
    (clone.folder / ".git" / "index").write_bytes(b"DIRC damaged")
    state = state_of(clone)
    assert state.git.dirty is None and state.patch == b""
    assert len(state.unknown) == 1 and "index" in state.unknown[0] and "\n" not in state.unknown[0]
    assert "unknown" in repository.commit_in_words(state.git)


def test_a_missing_index_shows_each_file_as_it_is(clone, tmp_path):
    (clone.folder / ".git" / "index").unlink()
    clone.write("src/kept.py", "changed = 1\n")
    state = state_of(clone)
    assert state.git.dirty is True
    assert clone.rebuilt(state.patch, tmp_path / "other")["src/kept.py"] == b"changed = 1\n"


@pytest.mark.parametrize("damage", ["HEAD", "objects", "commit", "tree", "gitfile", "refs"])
def test_a_damaged_repository_is_never_clean(clone, damage):
    folder = clone.folder / ".git"
    if damage == "HEAD":
        (folder / "HEAD").write_text("nonsense\n")
    elif damage == "objects":
        shutil.rmtree(folder / "objects")
    elif damage == "gitfile":
        shutil.rmtree(folder)
        folder.write_text("gitdir: /nowhere\n")
    elif damage == "refs":
        (folder / "refs" / "heads" / "main").write_text("x\n")
    else:
        found = clone.git("rev-parse", "HEAD" if damage == "commit" else "HEAD:").decode().strip()
        (folder / "objects" / found[:2] / found[2:]).unlink()
    state = repository.git_state(clone.folder)
    assert state.unknown and (state.git is None or state.git.dirty is None)
    assert all(len(line.splitlines()) == 1 for line in state.unknown)


def test_a_repository_without_a_commit_says_so(plain_git):
    subprocess.run(["git", "init", "-q", str(plain_git / "new")], check=True)
    assert repository.git_state(plain_git / "new").unknown == ("the repository has no commit yet",)


def test_without_git_a_repository_is_unknown_and_a_plain_folder_is_none(clone, plain_git, monkeypatch):
    monkeypatch.setenv("PATH", str(plain_git))
    (line,) = repository.git_state(clone.folder).unknown
    assert "cannot be run" in line
    assert repository.git_state(plain_git / "home") == repository.GitState(None, b"", ())


def test_a_git_that_takes_too_long_makes_the_state_unknown(clone, plain_git, monkeypatch):
    (plain_git / "bin").mkdir()
    (plain_git / "bin" / "git").write_text("#!/bin/sh\nexec sleep 30\n")
    (plain_git / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{plain_git / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(command, "SECONDS", 0.2)
    assert repository.git_state(clone.folder).unknown == ("git rev-parse took more than 0 s",)


def test_a_working_tree_that_is_set_elsewhere_is_unknown(clone, tmp_path):
    clone.git("init", "-q", tmp_path / "elsewhere")
    clone.git("config", "core.worktree", tmp_path / "elsewhere")
    state = repository.git_state(clone.folder)
    assert state.git is None and state.unknown


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_the_index_says_not_to_look_at_is_looked_at(clone, tmp_path, flag):
    clone.git("update-index", flag, "src/kept.py")
    assert state_of(clone).git.dirty is False
    clone.write("src/kept.py", "two = 2\n")
    state = state_of(clone)
    assert clone.rebuilt(state.patch, tmp_path / "other") == clone.files()


def test_a_change_that_keeps_size_and_time_is_seen(clone):
    path = clone.folder / "src" / "kept.py"
    os.utime(path, (10**9, 10**9))  # long before the index, which would look at anything as new as itself
    clone.git("update-index", "--refresh")
    time.sleep(1.1)  # git compares the time of a file's last change of any kind by the second
    path.write_text("two = 2\n")
    os.utime(path, (10**9, 10**9))
    clone.git("config", "core.trustctime", "false")
    assert state_of(clone).git.dirty is True


def test_what_a_sparse_checkout_leaves_away_is_no_change(clone):
    clone.write("docs/a.md", "a\n")
    clone.commit()
    clone.git("sparse-checkout", "set", "src")
    assert not (clone.folder / "docs").exists()
    assert state_of(clone).git.dirty is False
    clone.write("src/kept.py", "two = 2\n")
    assert b"docs" not in state_of(clone).patch


@pytest.mark.parametrize("name", ["ends in a space ", "a:b", 'quo"te', "back\\slash", "two\nlines", "-dash", "é"])
def test_a_project_folder_of_any_name_works(clone, tmp_path, name):
    other = type(clone)(clone.folder.rename(tmp_path / name))
    assert state_of(other).git.dirty is False
    other.write("src/kept.py", "two = 2\n")
    state = state_of(other)
    assert (state.unknown, state.withheld) == ((), ())
    assert b"+two = 2" in state.patch
    assert rebuild.verify(other.folder, state, {"src/kept.py": b"two = 2\n"}) == []


def test_text_of_git_that_is_no_utf8_is_shown_without_a_traceback(clone):
    clone.git("checkout", "-q", "-b", b"br\xffanch".decode("utf-8", "surrogateescape"))
    clone.git("config", "remote.origin.url", b"/srv/\xfe\x1b[2J.git".decode("utf-8", "surrogateescape"))
    state = state_of(clone)
    assert state.git.branch == "br\\xffanch"
    assert state.git.remote.startswith("/srv/\\xfe") and "\x1b" not in state.git.remote
    assert (state.git.branch + state.git.remote).isprintable()


def test_a_file_that_becomes_a_link_a_folder_or_executable_is_rebuilt(clone, tmp_path):
    for name in ("link", "folder", "mode", "gone", "Case"):
        clone.write(f"src/{name}", f"{name}\n")
    clone.commit()
    for name in ("link", "folder", "gone"):
        (clone.folder / "src" / name).unlink()
    (clone.folder / "src/link").symlink_to("kept.py")
    clone.write("src/folder/inside", "x\n")
    (clone.folder / "src/mode").chmod(0o755)
    (clone.folder / "src/Case").rename(clone.folder / "src/case")
    (clone.folder / "src/dangling").symlink_to("nowhere")
    state = state_of(clone)
    assert (state.withheld, state.unknown) == ((), ())
    assert clone.rebuilt(state.patch, tmp_path / "other") == clone.files()
    assert os.access(tmp_path / "other/src/mode", os.X_OK)


def test_a_folder_that_becomes_a_link_is_rebuilt(clone, tmp_path):
    clone.write("src/folder/a", "a\n")
    clone.write("src/real/a", "b\n")
    clone.commit()
    shutil.rmtree(clone.folder / "src/folder")
    (clone.folder / "src/folder").symlink_to("real")
    state = state_of(clone)
    assert (state.withheld, state.unknown) == ((), ())
    assert clone.rebuilt(state.patch, tmp_path / "other") == clone.files()
    assert rebuild.verify(clone.folder, state, {"src/folder/a": b"b\n"}) == []


def test_pipes_and_sockets_are_not_waited_for(clone):
    os.mkfifo(clone.folder / "src" / "pipe")
    (clone.folder / "src/kept.py").unlink()
    os.mkfifo(clone.folder / "src" / "kept.py")
    with socket.socket(socket.AF_UNIX) as opened:
        here = Path.cwd()
        os.chdir(clone.folder / "src")
        try:
            opened.bind("s")
        finally:
            os.chdir(here)
        state = state_of(clone)
    assert state.withheld == ("src/kept.py (it is no regular file)",)
    assert state.git.dirty is True


def test_merges_and_rebases_in_progress_are_carried_as_the_files_are(clone, tmp_path):
    clone.git("checkout", "-q", "-b", "other")
    clone.write("src/kept.py", "other = 1\n")
    clone.commit()
    clone.git("checkout", "-q", "main")
    clone.write("src/kept.py", "main = 1\n")
    clone.commit()
    clone.git("rebase", "other", check=False)
    assert b"<<<<<<<" in (clone.folder / "src/kept.py").read_bytes()
    state = state_of(clone)
    assert (state.git.branch, state.git.dirty, state.unknown) == (None, True, ())
    assert rebuild.verify(clone.folder, state, {"src/kept.py": (clone.folder / "src/kept.py").read_bytes()}) == []


def test_worktrees_shallow_clones_and_detached_heads_are_as_any_other(clone, tmp_path):
    clone.write("src/kept.py", "two = 2\n")
    clone.commit()
    clone.git("worktree", "add", "-q", "--detach", tmp_path / "tree")
    clone.git("clone", "-q", "--depth=1", f"file://{clone.folder}", tmp_path / "shallow")
    for folder, branch in ((tmp_path / "tree", None), (tmp_path / "shallow", "main")):
        other = type(clone)(folder)
        state = state_of(other)
        assert (state.git.branch, state.git.dirty, state.unknown) == (branch, False, ())
        other.write("src/new.py", "n\n")
        assert b"+n\n" in state_of(other).patch
    clone.git("-c", "user.name=A", "commit", "-q", "--allow-empty", "-m", "x", folder=tmp_path / "shallow")
    assert state_of(type(clone)(tmp_path / "shallow")).git.pushed is None


def test_a_replaced_object_does_not_stand_for_the_commit(clone):
    first = clone.git("rev-parse", "HEAD").decode().strip()
    clone.write("src/kept.py", "two = 2\n")
    clone.commit()
    second = clone.git("rev-parse", "HEAD").decode().strip()
    clone.git("checkout", "-q", first)
    clone.git("replace", first, second)
    clone.git("reset", "-q", "--hard")
    state = state_of(clone)
    assert state.git.dirty is True and b"+two = 2" in state.patch


def test_repositories_with_sha256_are_carried_and_verified(plain_git):
    from tests.provenance.conftest import Clone

    other = Clone(plain_git / "long")
    other.folder.mkdir()
    other.git("init", "-q", "--object-format=sha256")
    other.write("src/a", "a\n")
    other.write("src/b", "b\n")
    other.commit()
    (other.folder / "src/a").unlink()
    other.write("src/b", "c\n")
    state = state_of(other)
    assert b"-a" in state.patch and b"+c" in state.patch
    assert rebuild.verify(other.folder, state, {"src/b": b"c\n"}) == []
    assert rebuild.verify(other.folder, state, {"src/a": b"a\n"}) == ["src/a is not in the commit and its patch"]


def test_large_files_are_named_before_and_after_the_change(clone):
    clone.write("src/was.bin", os.urandom(20 * 2**20))
    clone.commit()
    clone.write("src/was.bin", "small\n")
    clone.write("src/new.bin", b"\0" * (patch.LARGEST_UNTRACKED + 1))
    clone.write("src/kept.py", os.urandom(20 * 2**20))
    state = state_of(clone)
    assert state.withheld == (
        "src/kept.py (20.0 MiB, too large for the patch)",
        "src/new.bin (1.0 MiB, too large for the patch)",
        "src/was.bin (20.0 MiB, too large for the patch)",
    )
    assert state.patch == b"" and state.git.dirty is True


def test_the_whole_patch_is_bounded(clone, monkeypatch):
    monkeypatch.setattr(patch, "LARGEST_PATCH", 3000)
    monkeypatch.setattr(patch, "LARGEST_PART", 2000)
    for name, size in (("a", 1500), ("b", 2500), ("c", 1500), ("d", 500)):
        clone.write(f"src/{name}", "x" * size)
    state = state_of(clone)
    assert len(state.patch) <= 3000
    assert [line.split(" ")[0] for line in state.withheld] == ["src/b", "src/c"]


def test_more_files_than_a_command_line_holds_are_no_traceback(clone):
    long = "-with-a-name-that-would-fill-a-command-line" * 5
    assert len(long) * 10_000 > os.sysconf("SC_ARG_MAX")
    for number in range(10_000):
        (clone.folder / f"{number:05}{long}").touch()
    clone.write("src/new.py", "x\n")
    clone.write("src/.env", "X=1")
    state = state_of(clone)
    assert len(state.withheld) == patch.NAMED + 1 and state.withheld[-1] == f"and {10_001 - patch.NAMED} more"
    assert state.withheld[0].startswith("src/.env ")
    assert b"src/new.py" in state.patch


def test_line_ends_as_the_clone_has_them(clone):
    clone.git("config", "core.autocrlf", "true")
    clone.write("src/kept.py", "one = 1\r\n")
    clone.write("src/new.py", "a\r\nb\r\n")
    state = state_of(clone)
    assert rebuild.verify(clone.folder, state, {"src/kept.py": b"one = 1\r\n", "src/new.py": b"a\r\nb\r\n"}) == []
    clone.git("config", "core.autocrlf", "input")
    clone.git("config", "core.safecrlf", "true")
    state = state_of(clone)
    assert rebuild.verify(clone.folder, state, {"src/new.py": b"a\r\nb\r\n"}) == [
        "src/new.py is another one in the commit and its patch"
    ]


def in_child(clone, uid: int | None) -> tuple[bool | None, list[str], list[str]]:
    """What a process of a user without root's rights sees."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            state = repository.git_state(clone.folder)
            os.write(writer, json.dumps([state.git and state.git.dirty, state.withheld, state.unknown]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        content = answer.read()
    os.waitpid(child, 0)
    return tuple(json.loads(content))


def test_what_cannot_be_read_is_named_and_a_folder_of_it_is_unknown(clone, tmp_path):
    uid = 12345 if os.getuid() == 0 else None
    if uid:  # git trusts it, and the other user may come as far as here
        (tmp_path / "home" / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        for folder in (
            tmp_path,
            *(above for above in tmp_path.parents if above.name.startswith(("pytest-", "popen-"))),
        ):
            folder.chmod(folder.stat().st_mode | 0o055)
    clone.write("src/closed.txt", "x")
    clone.write("src/locked/inside.txt", "x")
    (clone.folder / "src/closed.txt").chmod(0)
    (clone.folder / "src/locked").chmod(0)
    try:
        dirty, withheld, unknown = in_child(clone, uid)
    finally:
        (clone.folder / "src/locked").chmod(0o755)
    assert dirty is True
    assert withheld == ["src/closed.txt (it cannot be read: Permission denied)"]
    assert any("src/locked" in line for line in unknown)


def test_a_folder_of_another_owner_is_unknown_and_the_line_says_what_to_type(clone):
    if os.getuid():
        lacking("only root can give a folder to another user")
    for path in (clone.folder, clone.folder / ".git"):
        os.chown(path, 12345, 12345)
    state = repository.git_state(clone.folder)
    assert state.git is None
    (line,) = state.unknown
    assert line.endswith(f"type: git config --global --add safe.directory {clone.folder}")


def test_a_commit_that_moves_while_it_is_read_is_noticed(clone):
    (line,) = changes.find(clone.folder, "0" * 40).unknown
    assert "moved" in line


def test_a_file_whose_place_is_taken_by_one_that_is_left_out_is_left_out_too(clone, tmp_path):
    token = "ghp_" + "a1" * 18
    clone.write("src/folder", f"key = '{token}'\n")
    clone.write("src/other/inside", f"key = '{token}'\n")
    clone.commit()
    (clone.folder / "src/folder").unlink()
    clone.write("src/folder/inside", "x\n")
    shutil.rmtree(clone.folder / "src/other")
    clone.write("src/other", "y\n")
    state = state_of(clone)
    secret, taken = "(its change holds a secret: GitHub token)", "whose place it takes, is left out)"
    assert state.withheld == (
        f"src/folder {secret}",
        f"src/folder/inside (src/folder, {taken}",
        f"src/other (src/other/inside, {taken}",
        f"src/other/inside {secret}",
    )
    assert state.patch == b""
    clone.write("src/kept.py", "two = 2\n")
    assert clone.rebuilt(state_of(clone).patch, tmp_path / "other")["src/kept.py"] == b"two = 2\n"
