"""Whether what a record says of its results can be true at once. Standard library only."""

from harness.contract.record import RunRecord

COUNTED = 1e-3  # of an example: how far a share of so many examples may lie from a whole number of them
ROUNDED = 1e-6  # relative: what single precision leaves of it


def contradiction(record: RunRecord) -> str | None:
    """What cannot be, in words; None where nothing contradicts itself."""
    results = record.results
    if results is None:
        return None
    if results.confusion:
        if {len(row) for row in results.confusion} | {len(results.classes)} != {len(results.confusion)}:
            return "its confusion matrix does not fit its classes"
        if (counted := sum(map(sum, results.confusion))) != results.examples:
            return f"its confusion matrix counts {counted} of {results.examples} {record.description.examples}"
    for metric in record.description.metrics:
        for split in ("train", "validation", "test") if metric.share else ():
            value = results.metrics.get(f"{split}_{metric.name}")
            if value is not None and not 0 <= value <= 1:
                return f"{split}_{metric.name} is {value:g}, and a share"
        value = results.metrics.get(f"test_{metric.name}") if metric.share else None
        if value is not None:
            count = value * results.examples
            if abs(count - round(count)) > COUNTED + ROUNDED * results.examples:
                return f"test_{metric.name} is {value:g}, which is no share of {results.examples}"
    return None
