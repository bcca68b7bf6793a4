"""Obtaining the data, with real DVC, git, archives and HTTP; data.dvc and data/ never change by themselves."""

import dataclasses
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from harness.contract import identity
from harness.contract.errors import DataError, HarnessError, NotReady, SettingError
from harness.contract.source import Published, Source
from harness.data import obtain, pins, restore
from harness.settings.schema import Data
from programs.cifar10 import files
from programs.cifar10.host import published, sample

DVC = [sys.executable, "-m", "dvc"]
NOWHERE = "http://127.0.0.1:9/cifar-10-python.tar.gz"  # the discard port: refused
PATH = str(Path(obtain.__file__).parents[2])
SOURCE = published.source()


def write_data(folder: Path, title: str = "a batch") -> Path:
    """A small data folder: each batch has one black image, and `title` makes it another data set."""
    import numpy as np

    (folder / files.BATCHES).mkdir(parents=True)
    for label, path in enumerate((*files.TRAIN, files.TEST)):
        pixels = np.zeros((1, 3072), np.uint8)
        (folder / path).write_bytes(sample.batch_file(title, [label], pixels, ["image.png"]))
    (folder / files.META).write_bytes(sample.meta_file(1, sample.CLASSES))
    return folder


@pytest.fixture(scope="module", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """DVC's own folders, away from the user's."""
    place = tmp_path_factory.mktemp("dvc")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR"):
            patch.setenv(f"DVC_{name}", str(place / name))
        patch.setenv("PYTHONPATH", PATH)
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, hermetic: None) -> Path:
    """A project with data/ added and pushed: made once, copied for each test."""
    root = tmp_path_factory.mktemp("template") / "project"
    write_data(root / "data")
    for command in (
        ["git", "init", "-q"],
        [*DVC, "init", "-q"],
        [*DVC, "remote", "add", "-q", "-d", "store", "../remote"],
        [*DVC, "add", "-q", "data"],
        [*DVC, "push", "-q"],
    ):
        subprocess.run(command, cwd=root, check=True)
    (root / ".dvc/config").write_text("")
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """A clone of the project that has neither data/ nor cache."""
    ignored = shutil.ignore_patterns("data", "cache", "tmp")
    return shutil.copytree(template, tmp_path / "project", ignore=ignored)


@pytest.fixture
def said() -> list[str]:
    return []


def with_cache(root: Path, template: Path) -> Path:
    return shutil.copytree(template / ".dvc/cache", root / ".dvc/cache")


def with_remote(root: Path, template: Path) -> Path:
    remote = shutil.copytree(template.parent / "remote", root.parent / "remote")
    (root / ".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../remote\n")
    return remote


def get(
    root: Path,
    said: list[str] | None = None,
    on_missing: str = "fail",
    archive: str | None = None,
    url: str | None = NOWHERE,
    official: Published | None = published.OFFICIAL,
) -> obtain.Obtained:
    """`obtain`, and data.dvc is what it was; what fails leaves no data/ and no half of anything."""
    before, had = (root / "data.dvc").read_bytes(), (root / "data").exists()
    source, settings = dataclasses.replace(SOURCE, published=official), Data("data.dvc", on_missing, archive, url)
    try:
        return obtain.obtain(root, settings, source, (said if said is not None else []).append)
    except HarnessError as error:
        assert "\n" not in str(error)
        assert (root / "data").exists() == had
        raise
    finally:
        assert (root / "data.dvc").read_bytes() == before
        assert not list(root.glob(".cache/unpacked*"))


def pinned(root: Path) -> str:
    return pins.pinned(root, "data.dvc").hash


def stored(cache: Path, path: str, root: Path) -> Path:
    """The object of a file in a cache or remote."""
    pin = pinned(root)
    listing = json.loads((cache / "files/md5" / pin[:2] / pin[2:]).read_text())
    md5 = next(each["md5"] for each in listing if each["relpath"] == path)
    return cache / "files/md5" / md5[:2] / md5[2:]


def damage(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tar(path: Path, folder: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder / files.BATCHES, files.BATCHES)
        for member in more:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def as_published(root: Path, archive: Path) -> Published:
    """The project's data, as if it were what is published."""
    content = archive.read_bytes()
    files = identity.identify(write_data(root.parent / "published"), "cifar-10")
    return Published(files, "cifar-10-python.tar.gz", hashlib.md5(content).hexdigest(), len(content))


def test_data_that_is_there_is_checked_and_taken_without_dvc(root: Path) -> None:
    write_data(root / "data")
    shutil.rmtree(root / ".dvc")
    shutil.rmtree(root / ".git")
    got = get(root)
    assert (got.how, got.tried, got.folder) == ("already there", (), root / "data")
    assert (got.dataset.hash, got.dataset.name, got.dataset.sample) == (pinned(root), "custom", False)
    identity.verify(got.folder, got.dataset)


def test_the_dvc_cache_comes_first(root: Path, template: Path) -> None:
    with_cache(root, template)
    with_remote(root, template)
    got = get(root, archive=str(template / "data"))
    assert (got.how, got.tried) == ("DVC cache", ())
    assert subprocess.run([*DVC, "status", "-q"], cwd=root, check=False).returncode == 0


def test_a_damaged_cache_is_healed_by_the_next_way(root: Path, template: Path) -> None:
    damage(stored(with_cache(root, template), files.TRAIN[3], root))
    got = get(root, archive=str(template / "data"))
    assert (
        got.how.startswith("archive")
        and "DVC cache: it holds a damaged cifar-10-batches-py/data_batch_4" in got.tried[0]
    )
    shutil.rmtree(root / "data")
    assert get(root).how == "DVC cache"


def test_a_cache_elsewhere_is_found(root: Path, template: Path, tmp_path: Path) -> None:
    shutil.copytree(template / ".dvc/cache", tmp_path / "store")
    (root / ".dvc/config.local").write_text("[cache]\n    dir = ../../store\n    type = symlink\n")
    assert get(root).how == "DVC cache"
    assert (root / "data" / files.TEST).is_symlink()
    assert get(root).how == "already there"


def test_the_dvc_remote_comes_second(root: Path, template: Path) -> None:
    with_remote(root, template)
    got = get(root, archive=str(template / "data"))
    assert (got.how, len(got.tried)) == ("DVC remote", 1)
    assert "DVC cache: it does not hold the data" in got.tried[0]


def test_a_remote_with_other_bytes_is_not_believed(root: Path, template: Path) -> None:
    damage(stored(with_remote(root, template), files.TEST, root))
    with pytest.raises(DataError, match=r"DVC remote: .*test_batch"):
        get(root)


@pytest.mark.parametrize(
    ("scheme", "words"), [("http", "it does not hold the data"), ("ssh", "dvc fetch fails: unexpected")]
)
def test_a_remote_that_is_gone_is_one_line(root: Path, scheme: str, words: str) -> None:
    url = f"{scheme}://me:hush@127.0.0.1:9/x"
    (root / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {url}\n")
    tried = get(root, on_missing="sample").tried
    assert tried[1].startswith(f"DVC remote: {words}")


def test_a_remote_on_the_web_gets_no_password_out_of_netrc(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization"))
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / ".netrc").write_text("default login me password of-no-concern-to-dvc\n")  # pragma: allowlist secret
    monkeypatch.setenv("HOME", str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        (root / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {url}\n")
        tried = get(root, on_missing="sample").tried
        server.shutdown()
    assert tried[1].startswith("DVC remote: it does not hold the data")
    assert sent and set(sent) == {None}


@pytest.mark.parametrize("form", ["tar.gz", "folder", "the inner folder"])
def test_an_archive_or_an_extracted_folder_is_taken_and_lands_in_the_cache(
    root: Path, tmp_path: Path, form: str
) -> None:
    folder = write_data(tmp_path / "extracted")
    (folder / files.BATCHES / "readme.html").write_text("as in the official archive")
    path = {"tar.gz": lambda: tar(tmp_path / "a.tar.gz", folder), "folder": lambda: folder}.get(
        form, lambda: folder / files.BATCHES
    )()
    got = get(root, archive=str(path))
    assert got.how == f"archive {path}" and len(got.tried) == 2
    assert path.exists() and got.dataset.hash == pinned(root)
    shutil.rmtree(root / "data")
    assert get(root).how == "DVC cache"


def test_without_git_and_dvc_an_archive_still_becomes_data(root: Path, tmp_path: Path, said: list[str]) -> None:
    shutil.rmtree(root / ".git")
    for gone in (False, True):
        if gone:
            shutil.rmtree(root / ".dvc")
        got = get(root, said, archive=str(write_data(tmp_path / f"extracted{gone}")))
        assert got.how.startswith("archive") and "not in DVC's cache" in said.pop()
        shutil.rmtree(root / "data")
    assert got.tried[0] == "DVC cache: this is not a DVC project"


def test_an_archive_with_other_content_is_refused_with_both_hashes(root: Path, tmp_path: Path) -> None:
    other = write_data(tmp_path / "other", "another title")
    found = identity.identify(other, "other").hash
    with pytest.raises(DataError, match=f"{found} .*{pinned(root)}.* dvc add data"):
        get(root, on_missing="sample", archive=str(tar(tmp_path / "a.tar.gz", other)))
    with pytest.raises(SettingError, match="absent does not exist"):
        get(root, on_missing="sample", archive="absent")


def test_an_archive_that_is_cut_or_garbage_is_refused(root: Path, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", write_data(tmp_path / "extracted"))
    whole = archive.read_bytes()
    for content in (whole[: len(whole) // 2], b"garbage" * 100, b"", whole[:200] + b"\0" * 50 + whole[250:]):
        archive.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tar\.gz"):
            get(root, archive=str(archive))


def test_nothing_but_the_seven_files_leaves_an_archive(root: Path, tmp_path: Path) -> None:
    outside = tarfile.TarInfo("../../outside")
    outside.size = 10
    absolute = tarfile.TarInfo(str(tmp_path / "absolute"))
    get(root, archive=str(tar(tmp_path / "a.tar.gz", write_data(tmp_path / "extracted"), outside, absolute)))
    assert not list(tmp_path.rglob("outside")) and not (tmp_path / "absolute").exists()
    shutil.rmtree(root / "data")
    shutil.rmtree(root / ".dvc/cache")
    link = tarfile.TarInfo(files.TEST)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(DataError, match="test_batch is not a file"):
        get(root, archive=str(tar(tmp_path / "b.tar.gz", tmp_path / "extracted", link)))


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def test_the_official_address_comes_last_and_only_for_the_official_data(root: Path, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    archive = tar(tmp_path / "web/c.tar.gz", write_data(tmp_path / "extracted"))
    with serve(tmp_path / "web") as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/c.tar.gz"
        got = get(root, on_missing="sample", url=url)
        assert got.dataset.sample and "pins other data than the published" in got.tried[-1]
        got = get(root, url=url, official=as_published(root, archive))
        server.shutdown()
    assert (got.how, got.dataset.name) == (url, "cifar-10") and len(got.tried) == 3
    assert sorted(path.name for path in (root / ".cache").iterdir()) == ["fetch.lock", "sample-digits"]


def test_where_all_fails_the_sample_is_written_beside_and_never_into_data(root: Path, tmp_path: Path) -> None:
    official = as_published(root, tar(tmp_path / "a.tar.gz", write_data(tmp_path / "extracted")))
    got = get(root, on_missing="sample", official=official)
    assert (got.folder, got.how, got.dataset.name) == (root / ".cache/sample-digits", "bundled sample", "sample-digits")
    assert (got.dataset.hash, got.dataset.sample) == (published.SAMPLE_HASH, True)
    assert [line.partition(":")[0] for line in got.tried] == ["DVC cache", "DVC remote", "archive", "http"]
    assert "cannot be reached" in got.tried[-1] and not (root / "data").exists()
    damage(got.folder / files.TEST)
    start = time.monotonic()
    assert get(root, on_missing="sample").dataset == got.dataset
    identity.verify(got.folder, got.dataset)
    assert get(root, on_missing="sample").dataset == got.dataset
    assert time.monotonic() - start < 30  # a second or two where nothing else runs


def test_where_the_sample_is_not_wanted_the_refusal_lists_what_was_tried(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"tried DVC cache: .* \| DVC remote: .* \| archive: .* \| http://.*archive=PATH"
    ):
        get(root)
    assert not (root / ".cache/sample-digits").exists()


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped": (damage, "data_batch_3 is altered"),
    "truncated": (lambda path: os.truncate(path, 100), "data_batch_3 "),
    "missing": (Path.unlink, "data_batch_3 is missing"),
    "unexpected": (lambda path: path.with_name("more").touch(), "more is not part of"),
    "everything": (
        lambda path: [shutil.move(each, path.parents[2]) for each in path.parent.iterdir() if each != path],
        "batches.meta is missing",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_damaged_data_is_named_and_neither_replaced_nor_passed_over(root: Path, template: Path, harm: str) -> None:
    with_cache(root, template)
    write_data(root / "data")
    HARMS[harm][0](root / "data" / files.TRAIN[2])
    before = identity.identify(root / "data", "any")
    with pytest.raises(DataError, match=HARMS[harm][1]) as error:
        get(root, on_missing="sample", archive=str(template / "data"))
    assert identity.identify(root / "data", "any") == before
    assert error.value.command == "dvc checkout --force data.dvc"
    if harm == "flipped":  # what it says to type is what helps
        subprocess.run([*DVC, *error.value.command.split()[1:], "-q"], cwd=root, check=True)
        assert get(root).how == "already there"


def test_damaged_data_without_a_cache_is_named_by_the_published_table(root: Path, tmp_path: Path) -> None:
    official = as_published(root, tar(tmp_path / "a.tar.gz", write_data(tmp_path / "extracted")))
    write_data(root / "data")
    os.truncate(root / "data" / files.TRAIN[0], 50)
    with pytest.raises(DataError, match=r"data_batch_1 has .*type: mv data data\.damaged && python src/fetch\.py"):
        get(root, official=official)
    with pytest.raises(DataError, match=rf"data/ holds .*\.dir and data\.dvc pins {pinned(root)}.*dvc add data"):
        get(root)  # other data: nobody knows its files


def test_an_empty_folder_is_no_data_and_a_dead_link_is_no_empty_folder(root: Path, template: Path) -> None:
    (root / "data").mkdir()
    with_cache(root, template)
    assert get(root).how == "DVC cache"
    shutil.rmtree(root / "data")
    (root / "data").symlink_to(root / "gone")
    with pytest.raises(DataError, match="data holds no files"):
        obtain.obtain(root, Data("data.dvc", "sample", None, NOWHERE), SOURCE, print)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "outs: []",
        "a: [",
        "outs:\n- md5: 12.dir\n  path: data",
        f"outs:\n- md5: {'0' * 32}.dir\n  path: ../x",
        f"outs:\n- md5: {'0' * 32}.dir\n  path: a/../../x",
        f"outs:\n- md5: {'0' * 32}.dir\n  path: /x",
        f"outs:\n- md5: {'0' * 32}.dir\n  path: .",
        f"outs:\n- md5: {'0' * 32}.dir\n  path: 3",
        "\xff",
    ],
)
def test_a_data_dvc_that_pins_nothing_is_refused(root: Path, text: str | None) -> None:
    (root / "data.dvc").unlink()
    if text is not None:
        (root / "data.dvc").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"data\.dvc .*git checkout -- data\.dvc"):
        obtain.obtain(root, Data("data.dvc", "sample", None, NOWHERE), SOURCE, print)


def test_the_sample_does_not_pass_for_data_even_where_it_is_pinned(root: Path) -> None:
    sample.write(root / "data")
    text = (root / "data.dvc").read_text()
    (root / "data.dvc").write_text(text.replace(pinned(root), published.SAMPLE_HASH))
    got = get(root)
    assert (got.dataset.name, got.dataset.sample) == ("sample-digits", True)


def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from harness.contract.errors import NotReady\n"
        "from harness.data import obtain; from harness.settings.schema import Data\n"
        "from programs.cifar10.host import published\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: obtain.obtain(Path(sys.argv[1]), Data('data.dvc', sys.argv[2], sys.argv[3] or None, sys.argv[4]),\n"
        "                   published.source(), print)\n"
        "except NotReady as error: print('refused', error)"
    )
    folder = str(write_data(tmp_path / "extracted"))
    for on_missing, archive in (("fail", folder), ("sample", "")):
        command = [sys.executable, "-c", program, str(root), on_missing, archive, NOWHERE]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert told.startswith("refused") and "File too large" in told and told.count("\n") == 1
        assert not (root / "data").exists() and [path.name for path in (root / ".cache").iterdir()] == ["fetch.lock"]


def test_a_place_that_cannot_be_written_is_one_line(root: Path) -> None:
    (root / ".cache").write_text("in the way")
    with pytest.raises(NotReady, match=r"\.cache: "):
        get(root, on_missing="sample")


PROGRAM = (
    "import sys; from pathlib import Path; from harness.data import obtain; from harness.settings.schema import Data\n"
    "from programs.cifar10.host import published\n"
    "settings = Data('data.dvc', 'fail', sys.argv[1], 'http://127.0.0.1:9/')\n"
    "print(obtain.obtain(Path.cwd(), settings, published.source(), print).how)"
)


def test_two_at_once_both_get_the_data(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(write_data(tmp_path / "extracted"))]
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = sorted(child.communicate()[0].splitlines()[-1] for child in both)
    assert told == ["already there", f"archive {tmp_path / 'extracted'}"]


def test_a_stage_of_dvc_repro_can_obtain_the_data_while_dvc_holds_its_locks(root: Path, tmp_path: Path) -> None:
    (tmp_path / "fetch.py").write_text(PROGRAM)
    command = f"{sys.executable} {tmp_path / 'fetch.py'} {write_data(tmp_path / 'extracted')} > card.txt"
    (root / "dvc.yaml").write_text(
        f"stages:\n  fetch:\n    cmd: {command}\n    always_changed: true\n    outs: [card.txt]\n"
    )
    for expected in ("archive", "DVC cache", "already there"):
        if expected == "DVC cache":
            shutil.rmtree(root / "data")
        ran = subprocess.run([*DVC, "repro", "-q", "--force"], cwd=root, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert (root / "card.txt").read_text().splitlines()[-1].startswith(expected)


def add_set(root: Path) -> str:
    """Another data set of the project, sets/mine, pinned beside it; its hash."""
    (root / "sets/mine").mkdir(parents=True)
    (root / "sets/mine/rows.csv").write_text("1,2\n")
    subprocess.run([*DVC, "add", "-q", "sets/mine"], cwd=root, check=True)
    return identity.identify(root / "sets/mine", "custom").hash


def test_any_document_of_the_project_pins_the_folder_beside_it(root: Path) -> None:
    content = add_set(root)
    assert pins.pinned(root, "sets/mine.dvc") == pins.Pin("sets/mine.dvc", "sets/mine", content)
    settings = Data("sets/mine.dvc", "fail", None, None)
    there = obtain.obtain(root, settings, Source(), print)
    assert (there.how, there.folder, there.dataset.hash) == ("already there", root / "sets/mine", content)
    shutil.rmtree(root / "sets/mine")
    linked = obtain.obtain(root, settings, Source(), print)
    assert (linked.how, linked.folder, linked.dataset.hash) == ("DVC cache", root / "sets/mine", content)
    assert not (root / "data").exists()


def test_a_program_whose_data_nobody_published_and_nothing_stands_in_for_says_so(root: Path, template: Path) -> None:
    settings = Data("data.dvc", "sample", str(template / "data"), NOWHERE)
    with pytest.raises(DataError) as error:
        obtain.obtain(root, settings, Source(), print)
    assert "this program's data comes in no archive" in error.value.what
    assert "this program's data has no published address" in error.value.what
    assert error.value.legal == "" and not (root / ".cache/unpacked").exists()


def test_what_is_expected_is_known_without_fetching_or_writing_anything(root: Path, template: Path) -> None:
    def expected(official: Published | None = None) -> obtain.Obtained:
        source = dataclasses.replace(SOURCE, published=official)
        return obtain.expected(root, Data("data.dvc", "sample", None, NOWHERE), source)

    before = sorted(root.rglob("*"))
    unknown = expected()
    assert (unknown.how, unknown.dataset.hash, unknown.dataset.files) == ("not fetched", pinned(root), ())
    official = as_published(root, tar(root.parent / "a.tar.gz", template / "data"))
    assert expected(official).dataset == official.dataset
    assert sorted(root.rglob("*")) == before
    with_cache(root, template)
    assert {file.path for file in expected().dataset.files} == set(files.NAMES)  # by the cache's own listing
    assert not (root / "data").exists()
    write_data(root / "data")
    assert expected().how == "already there"
    damage(root / "data" / files.TEST)
    with pytest.raises(DataError, match="test_batch is altered"):
        expected()


def test_another_version_is_linked_beside_and_the_data_in_place_stays(root: Path, template: Path) -> None:
    with_cache(root, template)
    write_data(root / "data", "other data")
    before = identity.identify(root / "data", "any")
    folder = restore.version(root, "data.dvc", pinned(root), print, fetch=False)
    assert identity.identify(folder, "any").hash == pinned(root)
    assert identity.identify(root / "data", "any") == before
    assert restore.version(root, "data.dvc", pinned(root), print, fetch=False) == folder
    damage(folder / files.TEST)  # a link: the cache's own file
    with pytest.raises(NotReady, match="it holds a damaged cifar-10-batches-py/test_batch"):
        restore.version(root, "data.dvc", pinned(root), print, fetch=False)
    assert not folder.exists()
    with pytest.raises(NotReady, match=r"'\.\./up' is no version of the data"):
        restore.version(root, "data.dvc", "../up", print, fetch=False)
    with pytest.raises(NotReady, match=f"DVC's cache does not have {'0' * 32}.dir: .*type: dvc fetch --all-commits"):
        restore.version(root, "data.dvc", f"{'0' * 32}.dir", print, fetch=False)


def test_what_a_document_pinned_at_a_commit_is_read_from_git(root: Path) -> None:
    text, first = (root / "data.dvc").read_text(), pinned(root)
    name = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    for content in (text, text.replace(first, f"{'0' * 32}.dir")):
        (root / "data.dvc").write_text(content)
        subprocess.run(["git", "add", "data.dvc"], cwd=root, check=True)
        subprocess.run(["git", *name, "commit", "-q", "-m", "data"], cwd=root, check=True)
    assert pins.pinned_at(root, "HEAD~1", "data.dvc") == pins.Pin("data.dvc", "data", first)
    assert pins.pinned_at(root, "HEAD", "data.dvc").hash == pinned(root) == f"{'0' * 32}.dir"
    for revision in ("nothing", "--output=x", "HEAD~9"):
        with pytest.raises(NotReady, match=f"{revision} has no data.dvc; legal: a commit, branch or tag"):
            pins.pinned_at(root, revision, "data.dvc")
    assert not (root / "x").exists()
