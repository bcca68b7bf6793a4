"""A training that is a command: any script in any language, written for SageMaker's script mode."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """What is run, in the program's own folder of the code channel; `--name value` of each setting follows.

    It finds the settings in SM_HPS and config.json, the data in SM_CHANNEL_DATASET, and leaves its model in
    SM_MODEL_DIR, its checkpoints, where it writes some, in SM_CHECKPOINT_DIR, all else in SM_OUTPUT_DATA_DIR. Its lines
    of `name=value` pairs are its metrics: one with `epoch=` is a row of metrics.csv, and the last value of each
    train_NAME, validation_NAME and test_NAME counts.

    Attributes:
        words: the command line; `python` is the interpreter of the program's own environment.
        judged: the file of SM_MODEL_DIR whose tensors tell two trainings apart; the model where it is empty. Of .npz
            and .safetensors only the arrays count, of other zip files, like .pt, the members without their times, of
            any other file all bytes.
        grace: seconds from SIGTERM to SIGKILL.
        metrics: (name, regular expression with one group) of each number that its lines say in another form, like
            SageMaker's metric definitions: `(("test_accuracy", r"Accuracy: ([0-9.]+)"),)`.
        workers: whether several hosts of one job may run it; each then finds the others in SM_HOSTS.
    """

    words: tuple[str, ...]
    judged: str = ""
    grace: float = 20.0
    metrics: tuple[tuple[str, str], ...] = ()
    workers: bool = False
