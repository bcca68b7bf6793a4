"""The training step: gradients, optimisers, augmentation, the order of images."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support import small_data  # sets TensorFlow's environment: before keras

import keras  # isort: skip
import tensorflow as tf  # isort: skip

from programs.cifar10 import augment, inputs, optimizer, resnet, step  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
BFLOAT16 = {"precision": "bfloat16"}


@pytest.mark.parametrize(("version", "nesterov"), [(1, True), (2, False)])
def test_two_steps_are_keras_gradients_and_sgd_as_printed(version: int, nesterov: bool) -> None:
    config = small_data.training(
        augment=False, weight_decay=0.01, resnet_version=version, nesterov=nesterov, warmup_epochs=0.3
    )
    data = small_data.dataset()
    trainer = step.Trainer(config, data)
    model = resnet.build(8, version, 4, trainer.inputs.mean.tolist(), trainer.inputs.std.tolist())
    resnet.initialise(model, config.seed)
    objective = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    velocity = {weight.path: np.zeros(weight.shape) for weight in model.trainable_weights}
    for at in range(2):
        rows = inputs.order(config.seed, 0, 200)[at * 32 : at * 32 + 32]
        with tf.GradientTape() as tape:
            logits = model(data.train_images[rows], training=True)
            loss = objective(keras.ops.one_hot(data.train_labels[rows], 4), logits)
        for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
            g = gradient.numpy() + (0.01 * weight.numpy() if weight.path.endswith("kernel") else 0)
            v = velocity[weight.path] = 0.9 * velocity[weight.path] + g
            weight.assign(weight.numpy() - trainer.rates[at] * (g + 0.9 * v if nesterov else v))
        trainer.advance()
    for ours, theirs in zip(trainer.model.weights, model.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=2e-5, rtol=2e-4, err_msg=ours.path)


def test_muon_turns_kernels_by_its_rate_along_orthogonal_matrices_and_leaves_the_rest_to_sgd() -> None:
    changes = {"augment": False, "weight_decay": 0.01, "warmup_epochs": 0.3, "muon_rate": 0.02}
    ours = step.Trainer(small_data.training(optimizer="muon", **changes), small_data.dataset())
    sgd = step.Trainer(small_data.training(**changes), small_data.dataset())
    before = ours.arrays()
    ours.advance()
    sgd.advance()
    after, by_sgd = ours.arrays(), sgd.arrays()
    turned = 0
    for name in (name for name in after if name.startswith("weights/")):
        if after[name].ndim < 4:
            np.testing.assert_array_equal(after[name], by_sgd[name], name)
            continue
        turned += 1
        out = before[name].shape[-1]
        kernel = before[name].reshape(-1, out).astype(np.float64)
        gradient = by_sgd["momentum/" + name.removeprefix("weights/")].reshape(-1, out) - 0.01 * kernel
        left, scales, right = np.linalg.svd(gradient, full_matrices=False)
        scales /= np.linalg.norm(scales)
        for _ in range(3):  # the iteration acts on singular values alone
            scales = 3.4445 * scales - 4.7750 * scales**3 + 2.0315 * scales**5
        turn = ours.rates[0] / 0.05 * 0.02
        wanted = kernel * (out**0.5 / np.linalg.norm(kernel)) - turn * (left * scales) @ right
        np.testing.assert_allclose(after[name].reshape(-1, out), wanted, atol=2e-5, err_msg=name)
    assert turned == 7
    ours.advance()
    path = "stage2_block1_conv2/kernel"
    velocity, gradient = (
        ours.arrays()[f"momentum/{path}"],
        ours.arrays()[f"momentum/{path}"] - 0.9 * after[f"momentum/{path}"],
    )
    out = velocity.shape[-1]
    kernel = after[f"weights/{path}"].reshape(-1, out)
    matrix = (gradient + 0.9 * velocity).reshape(1, -1, out)  # Nesterov's look ahead: in the first step the same
    direction = optimizer.orthogonal(tf.constant(matrix)).numpy()[0]
    wanted = kernel * (out**0.5 / np.linalg.norm(kernel)) - ours.rates[1] / 0.05 * 0.02 * direction
    np.testing.assert_allclose(ours.arrays()[f"weights/{path}"].reshape(-1, out), wanted, atol=2e-5)


def test_steps_along_orthogonal_matrices_have_singular_values_near_one() -> None:
    for shape in ((2, 144, 16), (1, 16, 144)):
        drawn = np.random.default_rng(3).normal(size=shape).astype(np.float32)
        values = np.linalg.svd(optimizer.orthogonal(tf.constant(drawn)).numpy(), compute_uv=False)
        assert 0.5 < values.min() < values.max() < 1.3
    assert not optimizer.orthogonal(tf.zeros([1, 16, 9])).numpy().any()


@pytest.mark.parametrize("crop", [0, 2, 4])
def test_every_augmented_image_is_a_shifted_and_perhaps_mirrored_window(crop: int) -> None:
    images = np.random.default_rng(0).normal(size=(64, 32, 32, 3)).astype(np.float32)
    rows, columns, flip = (part.numpy() for part in augment.draw(7, tf.constant(3, tf.int64), 64, crop))
    cut = augment.crop_and_flip(images, rows, columns, flip, crop).numpy()
    padded = np.pad(images, ((0, 0), (crop, crop), (crop, crop), (0, 0)))
    for n in range(64):
        window = padded[n, rows[n] : rows[n] + 32, columns[n] : columns[n] + 32]
        np.testing.assert_array_equal(cut[n], window[:, ::-1] if flip[n] else window)


def test_shifts_and_flips_follow_from_seed_and_step_and_take_every_value() -> None:
    def draw(seed: int, at: int) -> list[Any]:
        return [part.numpy() for part in augment.draw(seed, tf.constant(at, tf.int64), 500, 4)]

    rows, columns, flip = draw(1, 10)
    assert set(rows) == set(columns) == set(range(9))
    assert 200 < flip.sum() < 300
    assert not np.array_equal(rows, columns)
    assert all(np.array_equal(a, b) for a, b in zip(draw(1, 10), (rows, columns, flip), strict=True))
    assert not np.array_equal(draw(1, 11)[0], rows)
    assert not np.array_equal(draw(2, 10)[0], rows)


def test_each_epoch_takes_every_image_once_in_an_order_of_its_own() -> None:
    first, second, other = inputs.order(1, 0, 300), inputs.order(1, 1, 300), inputs.order(2, 0, 300)
    assert all(sorted(one) == list(range(300)) for one in (first, second, other))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(first, inputs.order(1, 0, 300))


def test_every_step_is_fed_by_its_own_order_crops_and_flips() -> None:
    config, data = small_data.training(), small_data.dataset()
    fed = inputs.Inputs(config, data, 1)
    batches = {}
    for epoch, number in ((0, 0), (0, 1), (1, 0), (1, 1)):
        fed.begin(epoch)
        at = 6 * epoch + number  # 200 images are six batches of 32
        images, labels = fed.batch(tf.constant(at, tf.int64), 32)
        rows = inputs.order(config.seed, epoch, 200)[32 * number : 32 * number + 32]
        np.testing.assert_array_equal(labels, data.train_labels[rows])
        drawn = augment.draw(config.seed, tf.constant(at, tf.int64), 32, config.crop)
        expected = augment.crop_and_flip(fed.normalised(data.train_images[rows]), *drawn, config.crop)
        np.testing.assert_array_equal(images, expected)
        batches[at] = images.numpy().tobytes()
    assert len(set(batches.values())) == 4


@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(0, 1000), st.integers(2, 400))
def test_an_order_is_a_permutation_that_follows_from_seed_and_epoch(seed: int, epoch: int, count: int) -> None:
    order = inputs.order(seed, epoch, count)
    assert sorted(order) == list(range(count)) and (order == inputs.order(seed, epoch, count)).all()
    if count > 20:
        assert (order != inputs.order(seed, epoch + 1, count)).any()


def test_pixel_statistics_are_numpys_and_never_divide_by_nothing() -> None:
    pixels, _ = small_data.images(20)
    mean, std = inputs.pixel_statistics(pixels)
    np.testing.assert_allclose(mean, pixels.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(std, pixels.std((0, 1, 2)), rtol=1e-5)
    assert inputs.pixel_statistics(np.full((2, 32, 32, 3), 7, np.uint8))[1].tolist() == [1, 1, 1]


def test_a_shrunk_batch_is_the_batch_at_that_size_and_costs_as_much_less() -> None:
    trainer = step.Trainer(small_data.training(small_epochs=0.5, augment=False), small_data.dataset())
    at = tf.constant(0, tf.int64)
    trainer._begin(0)
    whole, labels = trainer.inputs.batch(at, 32)
    shrunk, same = trainer.inputs.batch(at, 16)
    np.testing.assert_allclose(shrunk, tf.nn.avg_pool2d(whole, 2, 2, "VALID"), atol=1e-5)
    np.testing.assert_array_equal(labels, same)
    assert trainer.small_steps == 3
    assert [trainer.work(done) for done in (0, 3, 12)] == [0, 0.75, 9.75]


def test_as_many_steps_are_small_as_small_epochs_says(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = step.Trainer(small_data.training(small_epochs=0.5), small_data.dataset())
    taken: list[int] = []

    def compiled(resolution: int) -> Any:
        def advance(at: Any, stop: Any) -> Any:
            taken.append(resolution)
            return stop

        return advance

    monkeypatch.setattr(trainer, "_compile", compiled)
    for _ in range(6):
        trainer.advance()
    assert taken == [16, 16, 16, 32, 32, 32]


def test_two_epochs_of_alternate_flips_show_each_image_both_ways() -> None:
    coins = np.array([True, False, True])
    first, second, third = (augment.alternate(coins, tf.constant(epoch, tf.int64)).numpy() for epoch in range(3))
    np.testing.assert_array_equal(first, coins)
    np.testing.assert_array_equal(second, ~coins)
    np.testing.assert_array_equal(third, coins)


def test_bfloat16_takes_the_same_step() -> None:
    usual, other = (step.Trainer(small_data.training(**each), small_data.dataset()) for each in ({}, BFLOAT16))
    for trainer in (usual, other):
        trainer.advance()
    assert float(other._loss.read_value()) == pytest.approx(float(usual._loss.read_value()), abs=0.03)
    assert all(array.dtype != "bfloat16" for array in other.arrays().values())
    for name, array in usual.arrays().items():
        np.testing.assert_allclose(other.arrays()[name], array, atol=0.03, err_msg=name)
