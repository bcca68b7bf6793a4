"""Global generators, reseeded before each step: what draws from them resumes to the same bits, and else does not."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contract.errors import RunFailed
from harness.contract.steps import Arrays, Outcome, Steps
from harness.worker import randomness
from harness.worker.clock import Clock
from harness.worker.loop import Checkpointer, Loop


class Noisy(Steps):
    """Weights that wander by the global generators of Python and NumPy, as dropout and ordinary shuffling do."""

    steps, steps_per_epoch = 6, 3

    def __init__(self, reseed: bool, seed: int = 0) -> None:
        self.reseed, self.seed = reseed, seed
        self.value = np.zeros(2)

    def take(self, step: int) -> None:
        self.value = self.value + np.array([random.random(), np.random.normal()])

    def state(self) -> Arrays:
        return {"value": self.value}

    def restore(self, step: int, arrays: Arrays) -> None:
        self.value = arrays["value"]

    def measure(self) -> dict[str, float]:
        return {"train_drawn": random.random()}

    def finish(self) -> Outcome:
        return Outcome({"test_drawn": random.random()}, 1, self.state(), lambda path: None)


def train(folder: Path, steps: Noisy, stop_after: int | None = None) -> Any:
    reported: list[dict[str, Any]] = []
    checkpointer = Checkpointer(folder, "a" * 64, 1e9)
    random.seed(None)  # a process of its own
    np.random.seed(None)
    loop = Loop(steps, "examples", reported.append, checkpointer, Clock(), stop_after=stop_after)
    if stop_after:
        with pytest.raises(RunFailed):
            loop.run()
        return None
    trained = loop.run()
    drawn = [row["train_drawn"] for row in trained.epochs], trained.outcome.metrics["test_drawn"]
    return trained.outcome.weights["value"].tobytes(), drawn


@pytest.mark.parametrize("reseed", [True, False])
@pytest.mark.parametrize("stop_after", [1, 3, 5])  # within an epoch, at its end, before the last step
def test_it_resumes_to_the_same_bits_only_where_it_is_reseeded(tmp_path: Path, reseed: bool, stop_after: int) -> None:
    unbroken = train(tmp_path / "one", Noisy(reseed))
    train(tmp_path / "two", Noisy(reseed), stop_after)
    resumed = train(tmp_path / "two", Noisy(reseed))
    assert (resumed == unbroken) == reseed


def test_steps_and_seeds_differ(tmp_path: Path) -> None:
    values = set()
    for seed, step, purpose in ((0, 0, "step"), (0, 1, "step"), (1, 0, "step"), (0, 0, "measure")):
        randomness.reseed(seed, step, purpose)
        values.add((random.random(), float(np.random.random())))
    assert len(values) == 4
    randomness.begin(0)
    first = random.random()
    randomness.begin(0)
    assert random.random() == first not in {value for value, _ in values}


@pytest.mark.slow
def test_the_first_step_of_a_process_draws_what_a_later_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras  # noqa: F401  # it seeds its own first generator from Python's

    monkeypatch.setattr("harness.frameworks.generators._known", {})
    drawn = []
    for _ in range(2):
        randomness.reseed(3, 1)
        drawn.append((random.random(), float(np.random.random())))
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_keras_layers_and_tensorflows_generator_too() -> None:
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.GaussianNoise(1.0)])

    @tf.function
    def drawn() -> tuple[Any, Any]:
        return model(tf.ones((1, 8)), training=True), tf.random.get_global_generator().uniform((2,))

    def at(step: int) -> list[bytes]:
        randomness.reseed(3, step)
        later = keras.layers.Dropout(0.5, name="later")  # a layer that is made between two steps
        return [np.asarray(each).tobytes() for each in (*drawn(), later(tf.ones((1, 64)), training=True))]

    one, two, three = at(1), at(2), at(3)
    assert len({*map(tuple, (one, two, three))}) == 3
    assert at(2)[:2] == two[:2] and at(1)[:2] == one[:2]


def test_streams_of_another_seed_purpose_or_index_are_unrelated() -> None:
    keys = [randomness.key(*each) for each in ((0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (0, "a", 0, 1))]
    assert len(set(keys)) == len(keys) and all(0 <= key < 2**128 for key in keys)
    draws = [randomness.stream(0, "order", epoch).permutation(50).tolist() for epoch in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("in_memory", [0, randomness.IN_MEMORY])
def test_an_order_is_a_permutation_that_any_part_can_be_asked_of(in_memory: int) -> None:
    for count in (1, 2, 5, 1000, 4096, 4097):
        order = randomness.Order(3, 1, count, in_memory)
        whole = order[0:count]
        assert sorted(whole.tolist()) == list(range(count)) and whole.dtype == np.int64
        np.testing.assert_array_equal(np.concatenate([order[at : at + 7] for at in range(0, count, 7)]), whole)
    other = [randomness.Order(*chosen, 4096, in_memory)[0:4096].tolist() for chosen in ((3, 1), (3, 2), (4, 1))]
    assert other[0] not in other[1:] and other[1] != other[2]


def test_an_order_of_more_examples_than_memory_holds_takes_none_and_looks_like_chance() -> None:
    order = randomness.Order(0, 0, 10**12)
    found = order[5 * 10**11 : 5 * 10**11 + 20_000]
    assert len(np.unique(found)) == 20_000 and found.min() >= 0 and found.max() < 10**12
    counts = np.bincount(found // 10**11, minlength=10)
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # chi-squared of 9 degrees: one in a thousand
    steps = np.abs(np.diff(found)) / 10**12
    assert abs(steps.mean() - 1 / 3) < 0.01  # of two independent places
