"""Two packed versions are told apart by their indices, and what it takes does not grow with the images."""

import tracemalloc
from pathlib import Path

from harness.data import pack
from programs.images.host import differences
from tests.support import images


def version(folder: Path, source: Path) -> Path:
    images.write_packed(folder, source)
    return folder


def test_what_was_added_removed_altered_and_relabelled_is_counted(tmp_path: Path) -> None:
    photos = images.write_folder(tmp_path / "photos", 120)
    old = version(tmp_path / "old", photos)
    assert differences.between(old, old) == ["the files differ, images and labels do not"]
    for number in range(10):
        (photos / "ash" / f"new{number}.jpg").write_bytes(images.jpeg(5000 + number, 0))
    for name in ("beech/00001.jpg", "beech/00005.jpg"):
        (photos / name).unlink()
    (photos / "cedar" / "00002.jpg").write_bytes(images.jpeg(6000, 2))
    new = version(tmp_path / "new", photos)
    told = differences.between(old, new)
    counts = [line.split(": ")[1] for line in told if "removed" in line]
    assert sum(int(line.split()[0]) for line in counts) == 2 and sum(int(line.split()[3]) for line in counts) == 10
    assert sum(line.count("1 of ") for line in told if "differ in their content" in line) == 1
    assert any("class counts: ash" in line for line in told)


def test_a_label_that_changed_is_a_relabelling(tmp_path: Path) -> None:
    photos = images.write_folder(tmp_path / "photos", 80)
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg"))
    for version_, changed in (("old", 0), ("new", 3)):
        rows = [f"{name},{'date' if at < changed else name.partition('/')[0]}" for at, name in enumerate(names)]
        (photos / "labels.csv").write_text("\n".join(["path,label", *rows]))
        pack.pack(photos / "labels.csv", tmp_path / version_, images.PACKING, False, False, lambda line: None)
    told = [line for line in differences.between(tmp_path / "old", tmp_path / "new") if "relabelled" in line]
    assert sum(int(line.split(": ")[1].split()[0]) for line in told) == 3


def test_memory_is_that_of_the_sample_not_of_the_images(tmp_path: Path) -> None:
    photos = images.write_folder(tmp_path / "photos", 400, (64, 64))
    old = version(tmp_path / "old", photos)
    (photos / "ash" / "new.jpg").write_bytes(images.jpeg(5000, 0))
    new = version(tmp_path / "new", photos)
    differences.between(old, new)  # what is imported once
    sample, differences.SAMPLE = differences.SAMPLE, 20
    try:
        tracemalloc.start()
        differences.between(old, new)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        differences.SAMPLE = sample
    assert peak < 401 * 64 * 64 * 3 / 2
