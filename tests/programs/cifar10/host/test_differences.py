"""How two versions of a data set of images differ."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from programs.cifar10.host import differences


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures, each its own."""
    coarse = np.random.default_rng(seed).integers(30, 200, (count, 8, 8, 3))
    return coarse.repeat(4, 1).repeat(4, 2).astype(np.uint8)


def test_images_are_paired_though_they_moved_were_brightened_or_doubled():
    old = pictures(300)
    order = np.random.default_rng(1).permutation(300)
    brighter = np.clip(old[order].astype(int) + 20, 0, 255).astype(np.uint8)
    found = differences.match(old, brighter)
    assert found.altered == 300 and (order[found.new] == found.old).all()
    same = differences.match(old, np.concatenate([old[order], old[:5], pictures(7, seed=9)]))
    assert same.altered == 0 and len(same.old) == 300
    assert len(differences.match(old, pictures(50, seed=9)).old) == 0
    assert len(differences.match(old[:0], old).old) == 0


def test_chance_is_no_shift_and_a_shift_is_one():
    old, other = pictures(2000), pictures(2000, seed=5)
    assert "no more than chance" in differences.pixels(old, other)[-1]
    darker = (other * 0.8).astype(np.uint8)
    told = differences.pixels(old, darker)
    assert told[0].startswith("brightness: ") and told[1].startswith("contrast: ") and told[-1].endswith("a shift")
    labels = np.arange(2000) % 10
    assert differences.classes(labels, labels[::-1], tuple("abcdefghij")) == []
    thinned = labels[(labels != 3) | (np.arange(2000) % 4 == 0)]
    told = differences.classes(labels, thinned, tuple("abcdefghij"))
    assert told[0].startswith("class counts: d 200 -> ") and told[1].endswith("a shift")


def test_images_that_are_alike_by_more_than_half_are_not_one_image():
    old = pictures(60)
    blended = ((old.astype(int) + np.roll(old, 1, axis=0)) // 2).astype(np.uint8)  # correlates with each by 0.7
    assert len(differences.match(old, blended).old) == 0


@pytest.mark.parametrize(
    ("least", "words"), [(0.0005, "p = 0.008: no more than chance"), (5e-5, "p = 0.0008: a shift")]
)
def test_of_sixteen_tests_the_least_p_counts_sixteen_times(monkeypatch, least, words):
    found = iter([least] + [0.5] * 15)
    monkeypatch.setattr(stats, "ks_2samp", lambda *_, **__: SimpleNamespace(statistic=0.1, pvalue=next(found)))
    assert differences.pixels(pictures(40), pictures(40, seed=5))[-1].endswith(words)
