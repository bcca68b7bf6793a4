"""States in which commands of git leave a working tree: each is dirty or clean as its files are, and is rebuilt."""

import shutil

import pytest

from harness.provenance import rebuild, repository


def _intent_to_add(clone):
    clone.write("src/new.py", "new = 1\n")
    clone.git("add", "-N", "src/new.py")


def _removed_from_the_index_alone(clone):
    clone.git("rm", "-q", "--cached", "src/kept.py")
    clone.write("src/kept.py", "two = 2\n")


def _staged_and_gone(clone):
    clone.write("src/new.py", "new = 1\n")
    clone.git("add", "src/new.py")
    (clone.folder / "src/new.py").unlink()
    clone.write("src/other.py", "x\n")


def _staged_in_two_versions(clone):
    clone.write("src/kept.py", "staged = 1\n")
    clone.git("add", "src/kept.py")
    clone.write("src/kept.py", "later = 1\n")


def _two_sides(clone, other, main):
    """Commits on two branches: None removes src/kept.py."""
    for branch, content in (("other", other), ("main", main)):
        clone.git("checkout", "-q", *(["-b"] if branch == "other" else []), branch)
        if content is None:
            clone.git("rm", "-q", "src/kept.py")
        else:
            clone.write("src/kept.py", content)
        clone.write(f"src/{branch}.py", "x\n")
        clone.commit()


def _merge_in_conflict(clone):
    _two_sides(clone, "other = 1\n", "main = 1\n")
    clone.git("merge", "-q", "other", check=False)
    assert b"<<<<<<<" in (clone.folder / "src/kept.py").read_bytes()


def _merge_with_one_side_removed(clone):
    _two_sides(clone, None, "main = 1\n")
    clone.git("merge", "-q", "other", check=False)
    assert b"UD" in clone.git("status", "--porcelain")


def _merge_not_yet_committed(clone):
    _two_sides(clone, "one = 1\n", "one = 1\n")
    clone.git("merge", "-q", "--no-commit", "--no-ff", "other")


def _cherry_pick_in_conflict(clone):
    _two_sides(clone, "other = 1\n", "main = 1\n")
    clone.git("cherry-pick", "other", check=False)
    assert (clone.folder / ".git" / "CHERRY_PICK_HEAD").exists()


def _bisecting(clone):
    _two_sides(clone, "other = 1\n", "main = 1\n")
    clone.git("bisect", "start", "main", "main~1")
    clone.write("src/kept.py", "tried = 1\n")


def _index_in_two_files(clone):
    clone.git("update-index", "--split-index")
    clone.write("src/kept.py", "two = 2\n")


def _lock_left_behind(clone):
    clone.write(".git/index.lock", "")
    clone.write("src/kept.py", "two = 2\n")


def _objects_elsewhere(clone):
    shutil.copytree(clone.folder / ".git" / "objects", clone.folder.parent / "objects")
    shutil.rmtree(clone.folder / ".git" / "objects" / "pack", ignore_errors=True)
    for path in (clone.folder / ".git" / "objects").glob("??"):
        shutil.rmtree(path)
    clone.write(".git/objects/info/alternates", f"{clone.folder.parent}/objects\n")
    clone.write("src/kept.py", "two = 2\n")


def _graft(clone):
    clone.write("src/kept.py", "two = 2\n")
    clone.commit()
    commit = clone.git("rev-parse", "HEAD").decode().strip()
    clone.write(".git/info/grafts", f"{commit}\n")
    clone.write("src/kept.py", "three = 3\n")


def _renamed_in_case_alone(clone):
    clone.git("config", "core.ignoreCase", "true")
    clone.git("mv", "src/kept.py", "src/Kept.py")


def _sparse_by_patterns(clone):
    clone.write("docs/a.md", "a\n")
    clone.write("docs/b.md", "b\n")
    clone.commit()
    clone.git("sparse-checkout", "set", "--no-cone", "/*", "!/docs/a.md")
    assert not (clone.folder / "docs/a.md").exists()
    clone.write("docs/a.md", "mine now\n")
    clone.write("docs/b.md", "changed\n")


def _encoding(clone):
    clone.write(".gitattributes", "*.txt working-tree-encoding=UTF-16\n")
    clone.write("src/a.txt", "é\n".encode("utf-16"))
    clone.commit()
    clone.write("src/a.txt", "è\n".encode("utf-16"))


def _line_ends_by_attribute(clone):
    clone.write(".gitattributes", "*.py text eol=crlf\n")
    clone.write("src/a.py", "a\r\n")
    clone.commit()
    clone.write("src/a.py", "a\r\nb\r\n")


def _like_lfs(clone):
    """A filter that keeps contents beside git, and pointers in it."""
    store = clone.folder.parent / "store"
    store.mkdir()
    clean = f"sh -c 'f=$(mktemp); cat >$f; s=$(sha1sum <$f | cut -c1-40); mv $f {store}/$s; echo pointer $s'"
    clone.git("config", "filter.big.clean", clean)
    clone.git("config", "filter.big.smudge", f"sh -c 'read word s; cat {store}/$s'")
    clone.git("config", "filter.big.required", "true")
    clone.write(".gitattributes", "*.big filter=big -text\n")
    clone.write("src/a.big", bytes(range(256)))
    clone.commit()
    clone.write("src/a.big", bytes(range(255, -1, -1)))
    clone.write("src/b.big", b"new\0")


DIRTY = {
    each.__name__: each
    for each in (
        *(_intent_to_add, _removed_from_the_index_alone, _staged_and_gone, _staged_in_two_versions),
        *(_merge_in_conflict, _merge_with_one_side_removed, _merge_not_yet_committed, _cherry_pick_in_conflict),
        *(_bisecting, _index_in_two_files, _lock_left_behind, _objects_elsewhere, _graft, _renamed_in_case_alone),
        *(_sparse_by_patterns, _encoding, _line_ends_by_attribute, _like_lfs),
    )
}
CONVERTED = (
    "_keyword",
    "_encoding",
    "_line_ends_by_attribute",
    "_like_lfs",
)  # a checkout writes other bytes than git has


@pytest.mark.parametrize("state", DIRTY)
def test_a_changed_tree_is_dirty_and_commit_and_patch_give_its_files(clone, tmp_path, state):
    DIRTY[state](clone)
    found = repository.git_state(clone.folder)
    assert (found.git.dirty, found.unknown, found.withheld) == (True, (), ())
    sources = {name: content for name, content in clone.files().items() if name.startswith(("src/", "docs/"))}
    assert rebuild.verify(clone.folder, found, sources) == []
    if state not in CONVERTED:
        assert clone.rebuilt(found.patch, tmp_path / "other") == clone.files()


def test_a_file_that_only_the_index_changed_is_as_committed(clone):
    clone.git("rm", "-q", "--cached", "src/kept.py")
    state = repository.git_state(clone.folder)
    assert (state.git.dirty, state.patch, state.unknown) == (False, b"", ())
    clone.write("src/kept.py", "staged = 1\n")
    clone.git("add", "src/kept.py")
    clone.write("src/kept.py", "one = 1\n")
    assert repository.git_state(clone.folder).git.dirty is False


def test_a_keyword_that_a_checkout_would_write_anew_is_told(clone):
    clone.write(".gitattributes", "*.py ident\n")
    clone.write("src/id.py", "# $Id$\n")
    clone.commit()
    (clone.folder / "src/id.py").unlink()
    clone.git("checkout", "src/id.py")
    written = (clone.folder / "src/id.py").read_bytes()
    state = repository.git_state(clone.folder)
    assert (state.git.dirty, rebuild.verify(clone.folder, state, {"src/id.py": written})) == (False, [])
    clone.write("src/id.py", written + b"more = 1\n")
    state = repository.git_state(clone.folder)
    assert rebuild.verify(clone.folder, state, {"src/id.py": written + b"more = 1\n"}) == [
        "src/id.py is another one in the commit and its patch"
    ]


def test_a_project_inside_a_submodule_is_that_repository_s(clone, tmp_path):
    clone.git("clone", "-q", clone.folder, tmp_path / "library")
    clone.git("submodule", "add", "-q", tmp_path / "library", "inner")
    clone.commit()
    inner = type(clone)(clone.folder / "inner")
    assert repository.git_state(inner.folder).git.dirty is False
    inner.write("src/kept.py", "two = 2\n")
    state = repository.git_state(inner.folder)
    assert state.git.commit == inner.git("rev-parse", "HEAD").decode().strip()
    assert b"b/src/kept.py" in state.patch


def test_an_object_that_a_partial_clone_has_not_fetched_is_not_fetched_and_never_clean(clone, tmp_path):
    clone.write("src/large.py", "x = 1\n" * 100)
    clone.commit()
    clone.git("config", "uploadpack.allowFilter", "true")
    clone.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{clone.folder}", tmp_path / "partial")
    partial = type(clone)(tmp_path / "partial")
    shutil.copytree(clone.folder / "src", partial.folder / "src")
    before = sorted((partial.folder / ".git").rglob("*"))
    partial.write("src/large.py", "changed\n")
    state = repository.git_state(partial.folder)
    assert state.unknown and state.git.dirty is not False
    assert sorted((partial.folder / ".git").rglob("*")) == before


def test_where_git_does_not_keep_the_executable_bit_the_contents_are_what_counts(clone):
    clone.git("config", "core.fileMode", "false")
    (clone.folder / "src/kept.py").chmod(0o755)
    assert repository.git_state(clone.folder).git.dirty is False
    clone.write("src/kept.py", "two = 2\n")
    state = repository.git_state(clone.folder)
    assert b"new mode" not in state.patch and rebuild.verify(clone.folder, state, {"src/kept.py": b"two = 2\n"}) == []
