"""The values of a metric in words."""

from harness.contract.metrics import Metric


def text(metric: Metric, value: float, sign: str = "") -> str:
    """A value of a metric: a share with four decimals, another number with five significant figures and its unit.

    `sign` is "+" where the value is a change, and shows its sign.
    """
    if metric.share:
        return f"{value:{sign}.4f}"
    return f"{value:{sign}.5g}{metric.unit and ' '}{metric.unit}"


def direction(metric: Metric) -> str:
    """What to add to a change of a metric, so that it is not taken for its opposite."""
    return "; lower is better" if metric.better == "lower" else ""
