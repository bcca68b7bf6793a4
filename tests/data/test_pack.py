"""Packing: equal bytes for equal images, little change for little change, and one line for what cannot be packed."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from harness.contract import packed
from harness.contract.errors import DataError, SettingError
from harness.contract.packed import INDEX, Packed
from harness.data import pack
from tests.support.images import PACKING, encoded, jpeg, write_folder, write_packed


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", 60)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def quietly(source: Path, out: Path, skip: bool = False, update: bool = False) -> Packed:
    return pack.pack(source, out, PACKING, skip, update, lambda line: None)


def test_equal_images_give_equal_bytes_whatever_their_order_and_time(tmp_path: Path, photos: Path) -> None:
    quietly(photos, tmp_path / "one")
    other = tmp_path / "other"
    for path in sorted(photos.rglob("*.jpg"), reverse=True):
        (other / path.relative_to(photos)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, other / path.relative_to(photos))
    quietly(other, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_image_more_changes_one_shard_and_the_index_and_moves_no_other(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "mine"
    write_packed(out, photos)
    before, records = contents(out), Packed(out)
    parts = {records[at][0]: packed.part(records.row(at).key, records.header) for at in range(60)}
    untouched = {path.name: path.stat().st_ino for path in out.iterdir()}
    (photos / "ash" / "new.jpg").write_bytes(jpeg(1000, 0))
    quietly(photos, out, update=True)
    after, records = contents(out), Packed(out)
    changed = {name for name in after if before.get(name) != after[name]}
    assert before.keys() == after.keys() and len(changed) == 2 and INDEX in changed
    same = {path.name: path.stat().st_ino for path in out.iterdir() if path.name not in changed}
    assert same == {name: untouched[name] for name in same}
    now = {records[at][0]: packed.part(records.row(at).key, records.header) for at in range(61)}
    assert len(now) == 61 and all(now[content] == part for content, part in parts.items())


def test_anybody_can_read_the_shards(tmp_path: Path, photos: Path) -> None:
    write_packed(tmp_path / "mine", photos)
    found = {}
    for shard in sorted((tmp_path / "mine").glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None
                found[member.name] = file.read()
    assert found == {path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.rglob("*.jpg")}


REFUSED = {
    "ash/empty.jpg": (b"", "is empty"),
    "ash/text.jpg": (b"no image", "neither a JPEG nor a PNG"),
    "ash/cut.jpg": (jpeg(2000, 0, (64, 64))[:-400], "cannot be decoded"),
    "ash/cmyk.jpg": (encoded(Image.new("CMYK", (4, 4)), "JPEG"), "CMYK"),
    "ash/deep.png": (encoded(Image.new("I;16", (4, 4)), "PNG"), "16 bits"),
    "ash/again.jpg": (jpeg(4, 0), "00004.jpg"),
    "beech/other.jpg": (jpeg(4, 0), "which is of the class ash"),
    "elm/alone.jpg": (jpeg(3000, 0), "only image of class elm"),
    "loose.jpg": (jpeg(3001, 0), "belongs to no class"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_packed_is_named_and_nothing_is_written(tmp_path: Path, photos: Path, name: str) -> None:
    content, why = REFUSED[name]
    (photos / name).parent.mkdir(exist_ok=True)
    (photos / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}.*{why}"):
        quietly(photos, tmp_path / "mine")
    assert not (tmp_path / "mine").exists() and (photos / name).read_bytes() == content


def test_with_skip_the_rest_is_packed_and_what_is_left_out_is_listed(tmp_path: Path, photos: Path) -> None:
    quietly(photos, tmp_path / "whole")
    for name, (content, _) in REFUSED.items():
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(content)
    quietly(photos, tmp_path / "mine", skip=True)
    left_out = {line.partition(",")[0] for line in (tmp_path / "mine.refused.csv").read_text().splitlines()[1:]}
    assert left_out == {*REFUSED}  # of three equal images the first by name is kept
    assert len(Packed(tmp_path / "mine")) == len(Packed(tmp_path / "whole"))


def test_a_csv_and_a_web_dataset_give_the_same_as_the_folder(tmp_path: Path, photos: Path) -> None:
    write_packed(tmp_path / "folder", photos)
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg"))
    rows = [f"{name},{name.partition('/')[0]}" for name in names]
    (photos / "labels.csv").write_text("\n".join(["path,label", *rows]))
    quietly(photos / "labels.csv", tmp_path / "table")
    shards = tmp_path / "shards"
    shards.mkdir()
    for path in (tmp_path / "folder").glob("*.tar"):
        shutil.copy(path, shards)
    quietly(shards, tmp_path / "web")
    assert contents(tmp_path / "folder") == contents(tmp_path / "table") == contents(tmp_path / "web")


def test_a_label_beside_an_image_of_a_web_dataset_is_its_class(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with tarfile.open(tmp_path / "shards" / "a.tar", "w") as tar:
        for number in range(8):
            for name, content in ((f"{number}.jpg", jpeg(number, 0)), (f"{number}.cls", b"%d" % (number % 2))):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    assert quietly(tmp_path / "shards", tmp_path / "mine").classes == ("0", "1")


def test_links_and_paths_outside_of_a_tar_are_refused(tmp_path: Path) -> None:
    for number, (name, link) in enumerate((("a/link.jpg", "/etc/passwd"), ("/tmp/a.jpg", ""), ("../a.jpg", ""))):
        (shards := tmp_path / f"shards{number}").mkdir()
        with tarfile.open(shards / "a.tar", "w") as tar:
            member = tarfile.TarInfo(name)
            content = jpeg(number, 0)
            member.size = 0 if link else len(content)
            if link:
                member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member, None if link else io.BytesIO(content))
        with pytest.raises(DataError, match="is a link" if link else "no path below its folder"):
            quietly(shards, tmp_path / "mine")


def test_a_csv_takes_nothing_from_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg(0, 0))
    (tmp_path / "here").mkdir()
    for name in ("../secret.jpg", str(tmp_path / "secret.jpg")):
        (tmp_path / "here" / "labels.csv").write_text(f"path,label\n{name},ash\n")
        with pytest.raises(DataError, match="no path below its folder"):
            quietly(tmp_path / "here" / "labels.csv", tmp_path / "mine")


def test_nothing_that_is_there_is_written_over(tmp_path: Path, photos: Path) -> None:
    write_packed(tmp_path / "mine", photos)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    for out in (tmp_path / "mine", tmp_path / "other"):
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        with pytest.raises(SettingError, match="already"):
            quietly(photos, out)
        assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for source, out, why in (
        (photos, tmp_path / "other", "is no packed folder"),
        (photos, photos, "lies in"),
        (photos, photos / "mine", "lies in"),
    ):
        with pytest.raises(SettingError, match=why):
            quietly(source, out, update=True)


def test_array_records_of_examples_are_packed(tmp_path: Path) -> None:
    writer = pytest.importorskip("array_record.python.array_record_module").ArrayRecordWriter
    (tmp_path / "records").mkdir()
    one = writer(str(tmp_path / "records" / "train.array_record-00000-of-00001"), "group_size:1")
    for number in range(8):
        one.write(example(jpeg(number, 0), number % 2))
    one.close()
    made = quietly(tmp_path / "records", tmp_path / "mine")
    assert made.classes == ("0", "1")
    assert {made[at][0] for at in range(8)} == {jpeg(number, 0) for number in range(8)}


def example(image: bytes, label: int) -> bytes:
    """A tf.train.Example of an image and a label, by hand."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2]) + varint(len(content)) + content

    def varint(value: int) -> bytes:
        return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])

    features = {"image": field(1, field(1, image)), "label": field(3, field(1, varint(label)))}
    return field(1, b"".join(field(1, field(1, name.encode()) + field(2, each)) for name, each in features.items()))
