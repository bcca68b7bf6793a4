"""The training step: all variables of a training, and the compiled function that takes them one step further."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from programs.cifar10 import optimizer, packed, resnet, schedule
from programs.cifar10.inputs import Array, Inputs, Tensor
from programs.cifar10.replicas import check_shares, together

if TYPE_CHECKING:
    from programs.cifar10.dataset import Dataset
    from programs.cifar10.settings import Training


class Trainer:
    """A training between two steps.

    `model` is the Keras model whose weights are trained in place, `rates` the learning rate of each step, `step` the
    number of steps done. Each epoch takes `steps_per_epoch` whole batches of the training images, in an order of its
    own, and leaves the rest out. A `strategy` shares each batch out among its replicas, in equal parts. `several` says
    that one call should take many steps: a GPU waits for the host between two calls. `inputs` is what feeds the steps.

    Raises:
        SettingError: the batch is larger than the training set, or does not go into the replicas.
    """

    def __init__(self, config: "Training", data: "Dataset", strategy: Any = None, inputs: Any = Inputs) -> None:
        self.config, self.strategy = config, strategy
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self.classes, self.images = len(data.class_names), len(data.train_images)
        check_shares(config, self.images, self.replicas)
        self.steps_per_epoch = self.images // config.batch_size
        self.steps = config.epochs * self.steps_per_epoch
        self.small_steps = round(config.small_epochs * self.steps_per_epoch)
        warmup = round(config.warmup_epochs * self.steps_per_epoch)
        self.rates = schedule.learning_rates(config.schedule, config.learning_rate, self.steps, warmup)
        self.step = 0
        self.several = strategy is None and bool(tf.config.list_logical_devices("GPU"))
        self._rates = tf.constant(self.rates, tf.float32)
        with strategy.scope() if strategy else contextlib.nullcontext():
            self.inputs = inputs(config, data, self.replicas)
            shape = self.inputs.mean.tolist(), self.inputs.std.tolist(), self.inputs.pixels, config.width
            self.model = resnet.build(config.resnet_size, config.resnet_version, self.classes, *shape)
            resnet.initialise(self.model, config.seed)
            self._weights = resnet.variables(self.model)
            self._trained = [weight.path for weight in self.model.trainable_weights]
            self._momentum = {
                path: tf.Variable(tf.zeros(self._weights[path].shape), trainable=False) for path in self._trained
            }
            # sums over the epoch's steps, and the first step whose loss was infinite or not a number
            self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
            self._correct = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False)
        self._begun = -1  # the epoch whose order of images is in place
        self._compiled: dict[tuple[int, bool], Any] = {}  # by resolution, and whether it takes many steps
        self._infer = tf.function(self._forward, [tf.TensorSpec(self.model.input_shape, tf.uint8)], autograph=False)

    def advance(self, stop: bool = False, steps: int = 1) -> bool:
        """Take one step, or at most `steps` in one call; True where any worker was asked to stop.

        A call ends where `room` does. Any `steps` give the bits that one at a time give.
        """
        epoch = self.step // self.steps_per_epoch
        if epoch != self._begun:
            self._begin(epoch)
        self.inputs.prepare(self.step)
        resolution = self.config.small_resolution if self.step < self.small_steps else self.inputs.pixels
        count = min(steps, self.room)
        # what XLA makes of a step depends on what is compiled with it: one step is taken by the same code as many
        looped = count > 1 or self.several or (self.config.xla and self.strategy is None)
        if (resolution, looped) not in self._compiled:
            self._compiled[resolution, looped] = self._compile_loop(resolution) if looped else self._compile(resolution)
        call, first = self._compiled[resolution, looped], tf.constant(self.step, tf.int64)
        stopped = call(first, tf.constant(count, tf.int64)) if looped else call(first, tf.constant(stop))
        self.step += count
        return stop if self.replicas == 1 else bool(stopped)

    @property
    def room(self) -> int:
        """The steps that one call can take: to the end of the epoch or of small images; one where each is prepared."""
        ends = (self.small_steps, (self.step // self.steps_per_epoch + 1) * self.steps_per_epoch)
        return 1 if self.strategy or self.inputs.streams else min(end - self.step for end in ends if end > self.step)

    @property
    def bad_step(self) -> int | None:
        """The first step (from 1) whose loss was infinite or not a number."""
        found = int(self._bad_step.read_value())
        return None if found < 0 else found + 1

    def sums(self) -> tuple[float, float]:
        """Mean training loss and accuracy over the whole epoch just done."""
        loss, correct = self.totals()
        return loss / self.steps_per_epoch, correct / (self.steps_per_epoch * self.config.batch_size)

    def totals(self) -> tuple[float, int]:
        """Training losses summed over the steps of the epoch so far, and the images that were right in them."""
        return float(self._loss.read_value()), int(self._correct.read_value())

    def work(self, step: int) -> float:
        """The cost of the first `step` steps, in steps at full resolution."""
        small = min(step, self.small_steps)
        return float(step - small + small * (self.config.small_resolution / self.inputs.pixels) ** 2)

    def infer(self, images: Array) -> Array:
        """Logits of images uint8 [n, height, width, 3], by the fast pass."""
        found: Array = self._infer(images).numpy()
        return found

    def weights(self) -> dict[str, Array]:
        """The model's weights by path."""
        return {path: variable.read_value().numpy() for path, variable in self._weights.items()}

    def arrays(self) -> dict[str, Array]:
        """Everything that a step reads and writes, by name. All else is a function of (config, data, step)."""
        return {name: variable.read_value().numpy() for name, variable in self._state().items()}

    def restore(self, step: int, arrays: dict[str, Array]) -> None:
        """Put back what `arrays` gave after `step` steps."""
        for name, variable in self._state().items():
            variable.assign(arrays[name])
        self.step, self._begun = step, -1

    def _state(self) -> dict[str, Any]:
        sums = {"loss": self._loss, "correct": self._correct, "bad_step": self._bad_step}
        momentum = {f"momentum/{path}": variable for path, variable in self._momentum.items()}
        return {**{f"weights/{path}": variable for path, variable in self._weights.items()}, **momentum, **sums}

    def _begin(self, epoch: int) -> None:
        """Take the order of images of an epoch (from 0), a function of (seed, epoch); its sums start at zero."""
        self.inputs.begin(epoch)
        self._begun = epoch
        if self.step == epoch * self.steps_per_epoch:
            self._loss.assign(0.0)
            self._correct.assign(0)

    def _compile(self, resolution: int) -> Any:
        def on_each(step: Tensor, stop: Tensor) -> Tensor:
            return self._advance(step, stop, resolution)

        def advance(step: Tensor, stop: Tensor) -> Tensor:
            stopped = self.strategy.run(on_each, (step, stop)) if self.strategy else on_each(step, stop)
            return self.strategy.experimental_local_results(stopped)[0] if self.strategy else stopped

        return tf.function(advance, autograph=False, jit_compile=self.config.xla or None)

    def _compile_loop(self, resolution: int) -> Any:
        """A function of (first step, count): so many steps, in a loop on the device."""

        def advance(first: Tensor, count: Tensor) -> Tensor:
            def one(step: Tensor) -> list[Tensor]:
                self._advance(step, tf.constant(False), resolution)
                return [step + 1]

            return tf.while_loop(lambda step: step < first + count, one, [first], parallel_iterations=1)[0]

        chosen: Any = advance
        if self.config.xla and self.config.optimizer == "sgd":
            state = self._weights, self._momentum, (self._loss, self._correct, self._bad_step)
            chosen = packed.loop(self.config, self._rates, *state, lambda step, now: self._pass(step, now, resolution))
        return tf.function(chosen, autograph=False, jit_compile=self.config.xla or None)

    def _advance(self, step: Tensor, stop: Tensor, resolution: int) -> Tensor:
        """One step of one replica: its part of the batch, the pass and its gradient, the optimiser, the statistics."""
        config = self.config
        weights = {path: variable.read_value() for path, variable in self._weights.items()}
        loss, correct, slopes, moving = self._pass(step, weights, resolution)
        gradients = list(slopes.values())
        if self.replicas > 1:  # one message for all of it
            own = [loss, tf.cast(correct, tf.float32), tf.cast(stop, tf.float32), *gradients, *moving.values()]
            loss, seen, asked, *rest = together(own, self._total)
            correct, stop = tf.cast(seen, tf.int64), asked > 0
            gradients, means = rest[: len(gradients)], rest[len(gradients) :]
            moving = {path: mean / self.replicas for path, mean in zip(moving, means, strict=True)}
        optimizer.apply(
            config,
            tf.gather(self._rates, step),
            self._weights,
            self._momentum,
            {path: (weights[path], each) for path, each in zip(self._trained, gradients, strict=True)},
        )
        for path, value in moving.items():
            optimizer.assign(self._weights[path], value)
        bad = self._bad_step.read_value()
        optimizer.assign(self._bad_step, tf.where((bad < 0) & ~tf.math.is_finite(loss), step, bad))
        optimizer.assign(self._loss, self._loss.read_value() + tf.cast(loss, tf.float64))
        optimizer.assign(self._correct, self._correct.read_value() + correct)
        return stop

    def _pass(self, step: Tensor, weights: Mapping[str, Tensor], resolution: int) -> tuple[Any, ...]:
        """Of a replica's part of the batch: loss, correct predictions, gradients by path, moving statistics by path."""
        config = self.config
        images, labels = self.inputs.batch(step, resolution)
        smoothing = config.label_smoothing
        wanted = tf.one_hot(labels, self.classes, 1 - smoothing + smoothing / self.classes, smoothing / self.classes)
        parameters = [weights[path] for path in self._trained]
        shared = self.replicas > 1 and config.sync_batch_norm
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            shape, total = (config.resnet_size, config.resnet_version, self.classes), self._total if shared else None
            logits, moving = resnet.forward(weights, images, *shape, training=True, total=total, width=config.width)
            losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
            loss = tf.reduce_sum(losses) / config.batch_size
        gradients = tape.gradient(loss, parameters)
        correct = tf.math.count_nonzero(tf.equal(tf.argmax(logits, 1), labels))
        return loss, correct, dict(zip(self._trained, gradients, strict=True)), moving

    def _total(self, values: Tensor) -> Tensor:
        """The sum over all replicas."""
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

    def _forward(self, pixels: Tensor) -> Tensor:
        weights = {path: variable.read_value() for path, variable in self._weights.items()}
        images, shape = self.inputs.normalised(pixels), (self.config.resnet_size, self.config.resnet_version)
        return resnet.forward(weights, images, *shape, self.classes, training=False, width=self.config.width)[0]
