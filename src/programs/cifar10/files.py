"""The files of CIFAR-10 in a data folder, by name. Standard library only."""

BATCHES = "cifar-10-batches-py"
TRAIN = tuple(f"{BATCHES}/data_batch_{number}" for number in range(1, 6))
TEST, META = f"{BATCHES}/test_batch", f"{BATCHES}/batches.meta"
NAMES = (META, *TRAIN, TEST)
