"""The learning rate at each step. Standard library only."""

import math
from collections.abc import Callable

# Share of the peak rate left after `done`, the share of the steps behind us. `step` is He et al. 2015: divided by 10
# at 32k and again at 48k of 64k steps.
DECAY: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
    "step": lambda done: 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01,
}


def learning_rates(name: str, peak: float, steps: int, warmup: int) -> list[float]:
    """The rate of every step, first to last.

    Args:
        name: constant, linear, cosine or step.
        peak: the rate at the end of the warm-up.
        steps: steps of the whole training.
        warmup: steps over which the rate climbs in a straight line, from peak / warmup to peak.

    `linear` and `cosine` begin to fall after the warm-up and would reach 0 at the step after the last one;
    the places where `step` divides the rate are counted from the start, warm-up included.
    """
    decay, start = DECAY[name], 0 if name == "step" else warmup
    return [peak * ((at + 1) / warmup if at < warmup else decay((at - start) / (steps - start))) for at in range(steps)]
