"""Many steps in one call, as on a GPU: the bits of one at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.worker import checkpoint, clock, loop
from tests.support import small_data  # sets TensorFlow's environment: before tensorflow

import tensorflow as tf  # isort: skip

from programs.cifar10 import step, training  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own


def after(count: int, steps: int, **changes: Any) -> dict[str, Any]:
    """All arrays after `count` steps, `steps` to a call; the epochs have 55 steps."""
    tf.config.experimental.enable_op_determinism()
    trainer = step.Trainer(small_data.training(**{"batch_size": 4, **changes}), small_data.dataset(220))
    while trainer.step < count:
        trainer.advance(steps=min(steps, count - trainer.step))
    return trainer.arrays()


def assert_equal(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one.keys() == two.keys()
    assert not [name for name, array in one.items() if array.tobytes() != two[name].tobytes()]


MUCH = {"resnet_version": 2, "optimizer": "muon", "small_epochs": 0.2, "alternate_flips": True, "nesterov": False}


@pytest.mark.parametrize("changes", [{}, pytest.param(MUCH, marks=[pytest.mark.slow, pytest.mark.long])])
def test_any_number_of_steps_in_a_call_gives_the_same_bits(changes: dict[str, Any]) -> None:
    alone = after(60, 1, **changes)
    for steps in (7, 50):
        assert_equal(alone, after(60, steps, **changes))


@pytest.mark.slow
@pytest.mark.long
def test_so_it_does_under_xla_which_takes_the_steps_that_are_taken_without_it() -> None:
    alone = after(3, 1, xla=True)
    assert_equal(alone, after(3, 3, xla=True))
    for name, array in after(3, 1).items():
        np.testing.assert_allclose(alone[name], array, atol=5e-3, err_msg=name)


def test_a_call_ends_with_the_epoch_and_with_small_images() -> None:
    trainer = step.Trainer(small_data.training(small_epochs=0.5), small_data.dataset())
    rooms = []
    while trainer.step < trainer.steps:
        rooms.append(trainer.room)
        trainer.advance(steps=100)
        assert trainer.step == sum(rooms)
    assert rooms == [3, 3, 6]


def test_a_step_touches_nothing_that_tensorflow_keeps_in_the_hosts_memory() -> None:
    trainer = step.Trainer(small_data.training(xla=True, alternate_flips=True, batch_size=4), small_data.dataset())
    trainer.advance(steps=2)
    (function,) = trainer._compiled.values()
    graph = function.get_concrete_function(tf.constant(0, tf.int64), tf.constant(1, tf.int64)).graph
    types = {variable.dtype for variable in graph.variables} | {tensor.dtype for tensor, _ in graph.captures}
    assert types <= {tf.float32, tf.float64, tf.int64, tf.uint8, tf.bool, tf.resource}, "a GPU holds all but int32"
    assert (
        max(
            np.prod(
                node.attr["value"].tensor.tensor_shape.dim
                and [size.size for size in node.attr["value"].tensor.tensor_shape.dim]
            )
            for node in graph.as_graph_def().node
            if node.op == "Const"
        )
        < 10_000
    ), "the images are no constant of the code"


def test_where_there_is_a_gpu_calls_take_many_steps_and_the_training_comes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PACE_SECONDS", 0.01)
    lengths: dict[str, list[int]] = {}
    digests = []
    for device in ("CPU", "GPU"):
        with monkeypatch.context() as patch:
            if device == "GPU":
                patch.setattr(step.tf.config, "list_logical_devices", lambda kind: ["GPU"])
            steps = training.ResNetTraining(small_data.training(batch_size=4), small_data.dataset(220))
        taken: list[int] = lengths.setdefault(device, [])
        advance = steps.trainer.advance

        def counted(
            stop: bool, most: int, advance: Any = advance, taken: Any = taken, trainer: Any = steps.trainer
        ) -> bool:
            before = trainer.step
            stopped = advance(stop, most)
            taken.append(trainer.step - before)
            return bool(stopped)

        monkeypatch.setattr(steps.trainer, "advance", counted)
        checkpointer = loop.Checkpointer(tmp_path / device, "a" * 64, 1e9)
        trained = loop.Loop(steps, "images", lambda values: None, checkpointer, clock.Clock()).run()
        digests.append((checkpoint.digest(trained.outcome.weights), checkpoint.digest(steps.state())))
    assert digests[0] == digests[1]
    assert set(lengths["CPU"]) == {1} and max(lengths["GPU"]) > 5
    assert sum(lengths["CPU"]) == sum(lengths["GPU"]) == 110
