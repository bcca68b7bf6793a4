"""Commit and patch give the files that a run is made of: random edits of a small repository, and what is not given."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.contract import bundle
from harness.provenance import rebuild, repository
from tests.provenance.conftest import Clone

ROOT = Path(__file__).parents[2]


def test_the_project_s_own_bundle_is_given_by_its_commit():
    files = bundle.collect(ROOT, "cifar10")
    sources = rebuild.sources(ROOT, "cifar10", files)
    assert set(sources.values()) == set(files.values())
    assert all((ROOT / name).read_bytes() == content for name, content in sources.items())
    state = repository.git_state(ROOT)
    assert rebuild.verify(ROOT, state, sources) == []


def test_a_run_of_code_that_the_commit_does_not_give_is_never_clean():
    files = bundle.collect(ROOT, "cifar10")
    state = repository.git_state(ROOT)
    assert rebuild.checked(ROOT, "cifar10", state, files) == state
    other = rebuild.checked(ROOT, "cifar10", state, {**files, "programs/cifar10/more.py": b"x\n"})
    assert other.git.dirty is True
    assert other.unknown == (*state.unknown, "src/programs/cifar10/more.py is not in the commit and its patch")


def test_outside_git_there_is_nothing_to_verify(tmp_path):
    assert rebuild.verify(tmp_path, repository.git_state(tmp_path), {"a": b""}) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("ignored", "src/new.py is not in the commit and its patch"),
        ("edited since", "src/kept.py is another one in the commit and its patch"),
        (
            "patch",
            "whether commit and patch give this code: git apply failed: error: src/kept.py: patch does not apply",
        ),
        (
            "commit",
            "whether commit and patch give this code: git read-tree failed: fatal: failed to unpack tree object",
        ),
    ],
)
def test_what_commit_and_patch_do_not_give_is_told(clone, change, line):
    from dataclasses import replace

    clone.write("src/kept.py", "two = 2\n")
    if change == "ignored":
        clone.write(".git/info/exclude", "new.py\n")
    clone.write("src/new.py", "new\n")
    state = repository.git_state(clone.folder)
    files = {"src/kept.py": b"two = 2\n", "src/new.py": b"new\n"}
    if change == "edited since":
        files["src/kept.py"] = b"three = 3\n"
    elif change == "patch":
        state = replace(state, patch=state.patch.replace(b"-one = 1", b"-six = 6").replace(b"index", b"xedni"))
    elif change == "commit":
        state = replace(state, git=replace(state.git, commit="e" * 40))
    (told,) = rebuild.verify(clone.folder, state, files)
    assert told.startswith(line)


def test_links_are_followed_inside_the_repository_and_not_out_of_it(clone, tmp_path):
    (tmp_path / "outside.py").write_text("x\n")
    for name, target in (
        ("inner", "kept.py"),
        ("twice", "inner"),
        ("outer", tmp_path / "outside.py"),
        ("loop", "loop"),
    ):
        (clone.folder / "src" / name).symlink_to(target)
    state = repository.git_state(clone.folder)
    files = {f"src/{name}": b"one = 1\n" for name in ("inner", "twice")} | {"src/outer": b"x\n", "src/loop": b""}
    assert rebuild.verify(clone.folder, state, files) == [
        "src/loop is another one in the commit and its patch",
        "src/outer is not in the commit and its patch",
    ]


def test_a_filter_s_content_counts_where_a_checkout_gives_it(clone):
    clone.git("config", "filter.case.clean", "tr a-z A-Z")
    clone.git("config", "filter.case.smudge", "tr A-Z a-z")
    clone.write(".gitattributes", "*.up filter=case\n")
    clone.write("src/a.up", "content\n")
    clone.commit()
    state = repository.git_state(clone.folder)
    assert rebuild.verify(clone.folder, state, {"src/a.up": b"content\n"}) == []
    clone.git("config", "filter.case.smudge", "no-such-program")
    clone.git("config", "filter.case.required", "true")
    (line,) = rebuild.verify(clone.folder, state, {"src/a.up": b"content\n"})
    assert line.startswith("src/a.up cannot be checked out: ")


NAMES = st.sampled_from(
    [
        "src/a",
        "src/a/b",
        "src/a/b/c",
        "src/A",
        "src/x y",
        "src/é",
        "src/:(top)",
        "src/-n",
        "conf/a.yaml",
        "Makefile",
        "src/\t",
    ]
)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"a\n", b"b\n", b"\r\n", b"\n", b" \n", b"diff --git a/x b/x\n", b"@@ -1 +1 @@ x\n"])
    ).map(b"".join),
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, CONTENTS),
        st.tuples(st.just("link"), NAMES, st.sampled_from([b"kept", b"../conf", b"nowhere"])),
        st.tuples(st.just("remove"), NAMES, st.just(b"")),
        st.tuples(st.just("mode"), NAMES, st.just(b"")),
        st.tuples(st.just("stage"), NAMES, st.just(b"")),
    ),
    max_size=8,
)


def edit(clone: Clone, edits: list[tuple[str, str, bytes]]) -> None:
    for kind, name, content in edits:
        path = clone.folder / name
        if kind in ("write", "link", "remove"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif os.path.lexists(path):
                path.unlink()
            for parent in reversed(path.relative_to(clone.folder).parents[:-1]):
                above = clone.folder / parent
                if kind != "remove" and (above.is_symlink() or above.is_file()):
                    above.unlink()
        if kind == "write":
            clone.write(name, content)
        elif kind == "link":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(os.fsdecode(content))
        elif kind == "mode" and path.is_file() and not path.is_symlink():
            path.chmod(0o755)
        elif kind == "stage":
            clone.git("add", "-A")


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=EDITS, after=EDITS)
def test_whatever_is_edited_commit_and_patch_give_the_working_tree(plain_git, before, after):
    with tempfile.TemporaryDirectory(dir=plain_git) as scratch:
        clone = Clone(Path(scratch) / "clone")
        clone.folder.mkdir()
        clone.git("init", "-q")
        edit(clone, [("write", "src/kept", b"kept\n"), *before])
        clone.commit()
        edit(clone, after)
        state = repository.git_state(clone.folder)
        assert (state.withheld, state.unknown) == ((), ())
        wanted = clone.files()
        assert clone.rebuilt(state.patch, Path(scratch) / "other") == wanted
        regular = {name: content for name, content in wanted.items() if not (clone.folder / name).is_symlink()}
        assert rebuild.verify(clone.folder, state, regular) == []
        assert bool(state.patch) is state.git.dirty
