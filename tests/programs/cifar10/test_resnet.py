from typing import Any

import numpy as np
import pytest

from tests.support import small_data  # sets TensorFlow's environment: before harness.resnet

import keras  # isort: skip
import tensorflow as tf  # isort: skip
from programs.cifar10 import resnet  # isort: skip

MEAN, STD = (125.0, 123.0, 114.0), (63.0, 62.0, 67.0)
PARAMETERS = {
    20: (269_722, 272_538),
    32: (464_154, 466_970),
    50: (755_802, 758_618),
    56: (853_018, 855_834),
    110: (1_727_962, 1_730_778),
}


def model_with_lived_in_weights(size: int, version: int) -> keras.Model:
    """Weights drawn so that no gamma is 1, no beta or moving mean 0: a mix-up of any two shows."""
    model = resnet.build(size, version, 10, MEAN, STD)
    resnet.initialise(model, seed=3)
    random = np.random.default_rng(5)
    for weight in model.weights:
        if not weight.path.endswith("/kernel"):
            weight.assign(random.uniform(0.5, 1.5, weight.shape) - (weight.path.endswith(("beta", "mean", "bias"))))
    return model


@pytest.fixture(scope="module", params=[1, 2])
def model(request: pytest.FixtureRequest) -> keras.Model:
    return model_with_lived_in_weights(14, request.param)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("size", PARAMETERS)
def test_trainable_parameters_are_exactly_the_papers(size: int, version: int) -> None:
    model = resnet.build(size, version, 10, MEAN, STD)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == PARAMETERS[size][version - 1]


def test_two_builds_have_the_same_names_and_the_same_configuration() -> None:
    one, two = (resnet.build(8, 2, 10, MEAN, STD) for _ in range(2))
    assert [weight.path for weight in one.weights] == [weight.path for weight in two.weights]
    assert len({weight.path for weight in one.weights}) == len(one.weights)
    assert [layer.name for layer in one.layers] == [layer.name for layer in two.layers]


def test_every_layer_is_one_of_keras_own() -> None:
    layers = resnet.build(14, 1, 10, MEAN, STD).layers + resnet.build(14, 2, 10, MEAN, STD).layers
    assert all(type(layer).__module__.startswith("keras.src.layers") for layer in layers)


def test_initial_weights_are_he_normal_and_follow_from_the_seed_alone() -> None:
    model = resnet.build(8, 1, 10, MEAN, STD)
    drawn = []
    for seed in (4, 4, 5):
        resnet.initialise(model, seed)
        drawn.append({weight.path: weight.numpy() for weight in model.trainable_weights})
    kernel = "stage3_block1_conv2/kernel"
    assert drawn[0][kernel].std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)
    assert abs(drawn[0][kernel].mean()) < 0.001
    assert all(np.array_equal(drawn[0][path], drawn[1][path]) for path in drawn[0])
    assert not np.array_equal(drawn[0][kernel], drawn[2][kernel])
    alike = [drawn[0][f"stage1_block1_conv{number}/kernel"] for number in (1, 2)]  # of one shape
    assert not np.array_equal(*alike)


def test_the_fast_pass_infers_what_the_keras_model_infers(model: keras.Model) -> None:
    pixels, _ = small_data.images(6)
    logits, moving = fast(model, pixels, training=False)
    assert not moving
    np.testing.assert_allclose(logits, model(pixels, training=False), atol=1e-4, rtol=1e-4)


def test_training_passes_agree_and_so_do_their_moving_statistics(model: keras.Model) -> None:
    pixels, _ = small_data.images(8)
    before = model.get_weights()
    logits, moving = fast(model, pixels, training=True)
    expected = model(pixels, training=True)
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=1e-4)
    assert len(moving) == len(model.non_trainable_weights)
    for path, value in moving.items():
        np.testing.assert_allclose(value, resnet.variables(model)[path], atol=1e-4, rtol=1e-4)
    assert any(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    model.set_weights(before)


def test_moving_statistics_keep_nine_tenths_of_what_they_were(model: keras.Model) -> None:
    pixels, _ = small_data.images(8)
    path = {"1": "first_norm", "2": "stage1_block1_norm1"}[model.name[-1]] + "/moving_mean"
    before = resnet.variables(model)[path].numpy()
    convolved = keras.Model(model.input, model.get_layer("first_conv").output)(pixels)
    _, moving = fast(model, pixels, training=True)
    np.testing.assert_allclose(moving[path], 0.9 * before + 0.1 * np.mean(convolved, (0, 1, 2)), atol=1e-5)


def test_both_passes_agree_with_a_reference_in_numpy(model: keras.Model) -> None:
    pixels, _ = small_data.images(3)
    weights = {weight.path: weight.numpy().astype(np.float64) for weight in model.weights}
    version = int(model.name[-1])
    expected = reference(weights, (pixels - np.array(MEAN)) / np.array(STD), 14, version)
    np.testing.assert_allclose(model(pixels, training=False), expected, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(fast(model, pixels, training=False)[0], expected, atol=1e-4, rtol=1e-4)


def test_float_pixels_give_what_uint8_pixels_give(model: keras.Model) -> None:
    pixels, _ = small_data.images(2)
    np.testing.assert_array_equal(model(pixels), model(pixels.astype(np.float32)))


def fast(model: keras.Model, pixels: Any, training: bool) -> tuple[Any, Any]:
    normalised = (tf.cast(pixels, tf.float32) - MEAN) / STD
    weights = {path: weight.read_value() for path, weight in resnet.variables(model).items()}
    return resnet.forward(weights, normalised, 14, int(model.name[-1]), 10, training)


def reference(weights: dict[str, Any], x: Any, size: int, version: int) -> Any:
    """The papers' network, written from them with loops, in float64."""

    def conv(name: str, x: Any, stride: int) -> Any:
        kernel = weights[f"{name}/kernel"]
        side = kernel.shape[0] // 2
        padded = np.pad(x, ((0, 0), (side, side), (side, side), (0, 0)))
        out = 0.0
        for row in range(kernel.shape[0]):
            for column in range(kernel.shape[1]):
                window = padded[:, row : row + x.shape[1] : stride, column : column + x.shape[2] : stride]
                out = out + window @ kernel[row, column]
        return out

    def norm(name: str, x: Any) -> Any:
        gamma, beta, mean, variance = (
            weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def relu(x: Any) -> Any:
        return np.maximum(x, 0)

    x = conv("first_conv", x, 1)
    if version == 1:
        x = relu(norm("first_norm", x))
    for stage in (1, 2, 3):
        for block in range(1, (size - 2) // 6 + 1):
            name, stride = f"stage{stage}_block{block}", 2 if stage > 1 and block == 1 else 1
            if version == 1:
                y = relu(norm(f"{name}_norm1", conv(f"{name}_conv1", x, stride)))
                y = norm(f"{name}_norm2", conv(f"{name}_conv2", y, 1))
                kept = x[:, ::stride, ::stride]
                x = relu(y + np.concatenate([kept, np.zeros_like(kept)], 3) if stride == 2 else y + kept)
            else:
                y = relu(norm(f"{name}_norm1", x))
                kept = conv(f"{name}_shortcut", y, stride) if block == 1 else x
                y = relu(norm(f"{name}_norm2", conv(f"{name}_conv1", y, stride)))
                x = conv(f"{name}_conv2", y, 1) + kept
    if version == 2:
        x = relu(norm("last_norm", x))
    return x.mean((1, 2)) @ weights["logits/kernel"] + weights["logits/bias"]
