"""A small network on points in two rings, in PyTorch; written for SageMaker's script mode."""

import argparse
import os
from pathlib import Path

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=16)
parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.01)
parser.add_argument("--batch-size", "--batch_size", type=int, default=50)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--data", type=Path, default=os.environ.get("SM_CHANNEL_DATASET", "data"))
parser.add_argument("--model-dir", type=Path, default=os.environ.get("SM_MODEL_DIR", "model"))
parser.add_argument("--checkpoints", type=Path, default=os.environ.get("SM_CHECKPOINT_DIR", "checkpoints"))
args = parser.parse_args()
torch.use_deterministic_algorithms(True)


def read(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    lines = (args.data / f"{name}.csv").read_text().split()
    rows = torch.tensor([[float(number) for number in line.split(",")] for line in lines])
    return rows[:, :2], rows[:, 2:]


def judge(inputs: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    model.eval()
    with torch.no_grad():
        logits = model(inputs)
    right = ((logits > 0) == (labels > 0.5)).sum().item()
    return right / len(labels), nn.functional.binary_cross_entropy_with_logits(logits, labels).item()


torch.manual_seed(args.seed)
model = nn.Sequential(nn.Linear(2, args.width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(args.width, 1))
optimizer = torch.optim.Adam(model.parameters(), args.learning_rate)
train, test, begun = read("train"), read("test"), 0
if (newest := args.checkpoints / "newest.pt").exists():
    kept = torch.load(newest)
    begun = kept["epoch"]
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
for epoch in range(begun + 1, args.epochs + 1):
    torch.manual_seed(args.seed + 1000 * epoch)  # so that what a resumed run draws is the same
    model.train()
    for rows in torch.randperm(len(train[0])).split(args.batch_size):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(model(train[0][rows]), train[1][rows]).backward()
        optimizer.step()
    accuracy, loss = judge(*train)
    print(f"epoch={epoch} train_accuracy={accuracy} train_loss={loss}")  # a resumed run does not say it again
    kept = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(kept, newest.with_suffix(".part"))
    newest.with_suffix(".part").replace(newest)
print("test_accuracy={} test_loss={} test_examples={}".format(*judge(*test), len(test[0])))
torch.save(model.state_dict(), args.model_dir / "model.pt")
