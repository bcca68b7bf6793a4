"""The peer: a plain PyTorch ResNet of the same family, on the CPU. Runs in benchmarks/.venv (see throughput.py).

    python benchmarks/torch_peer.py speed --size 20 [--compile]     blocks of steps, asked for on stdin
    python benchmarks/torch_peer.py train DATA --epochs 12 --peak 0.2   one training; the last line is JSON

The model is version 1 with zero-padded shortcuts, in channels_last; batches of 128, random crops (pad 4) and flips of
a whole batch at a time, Nesterov momentum 0.9, weight decay 5e-4; `train` has a triangular rate and all 50,000 images.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
BATCH = 128
CLIMB = 0.25  # share of the steps in which the rate climbs


class Block(nn.Module):
    """Two convolutions and the identity, zero-padded where the width doubles (He et al. 2015, option A)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.missing = stride, width - before
        self.conv1, self.norm1 = nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.stride > 1:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))
        return functional.relu(x + y)


class ResNet(nn.Module):
    """Logits [n, 10] of normalised images [n, 3, 32, 32]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        blocks, before = [], 16
        for stage, width in enumerate((16, 32, 64)):
            for index in range((size - 2) // 6):
                blocks.append(Block(before, width, 2 if stage and not index else 1))
                before = width
        self.blocks, self.logits = nn.Sequential(*blocks), nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.norm(self.conv(x)))
        return self.logits(self.blocks(x).mean((2, 3)))


class Training:
    """Model, optimiser and images [n, 3, 32, 32] (uint8) in memory."""

    def __init__(self, size: int, images: Any, labels: Any, compiled: bool, augment: bool = True) -> None:
        self.model = ResNet(size).to(memory_format=torch.channels_last)
        self.run = torch.compile(self.model) if compiled else self.model
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
        self.images, self.labels, self.augment = torch.from_numpy(images), torch.from_numpy(labels).long(), augment
        pixels = self.images.reshape(-1, 3).double()
        self.mean, self.std = pixels.mean(0).float(), pixels.std(0).float()

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        """Normalised, augmented images [n, 3, 32, 32] in channels_last."""
        images = (self.images[rows].float() - self.mean) / self.std
        if self.augment:
            count, line = len(rows), torch.arange(32)
            padded = functional.pad(images, (0, 0, 4, 4, 4, 4))
            down, right = torch.randint(0, 9, (2, count, 1))
            across = right + torch.where(torch.rand(count, 1) < 0.5, line.flip(0), line)
            images = padded[torch.arange(count)[:, None, None], (down + line)[:, :, None], across[:, None, :]]
        return images.permute(0, 3, 1, 2)  # NHWC in memory is what channels_last means

    def step(self, rows: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(self.run(self.batch(rows)), self.labels[rows])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()


def speed(arguments: argparse.Namespace) -> None:
    """Answer each number of steps on stdin with the images per second of as many steps."""
    drawn = np.random.default_rng(0)
    images = drawn.integers(0, 256, (10000, 32, 32, 3), dtype=np.uint8)
    training = Training(arguments.size, images, drawn.integers(0, 10, 10000), arguments.compile)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            training.step(torch.randint(0, 10000, (BATCH,)))
        print(int(line) * BATCH / (time.perf_counter() - began), flush=True)


def train(arguments: argparse.Namespace) -> None:
    """Train on all training images and count on the test images."""
    from programs.cifar10 import dataset

    torch.manual_seed(arguments.seed)
    data = dataset.load(Path(arguments.data), 5, 0, arguments.seed)
    training = Training(20, data.train_images, data.train_labels, compiled=False)
    per_epoch = len(data.train_labels) // BATCH
    steps, done, began = arguments.epochs * per_epoch, 0, time.perf_counter()
    for epoch in range(arguments.epochs):
        order, total = torch.randperm(len(data.train_labels)), 0.0
        training.model.train()
        for at in range(per_epoch):
            share = done / steps
            rate = arguments.peak * min(share / CLIMB, (1 - share) / (1 - CLIMB))
            for group in training.optimiser.param_groups:
                group["lr"] = rate
            total += float(training.step(order[at * BATCH : (at + 1) * BATCH]))
            done += 1
        print(
            f"epoch={epoch + 1} train_loss={total / per_epoch:.4f} seconds={time.perf_counter() - began:.0f}",
            flush=True,
        )
    seconds = time.perf_counter() - began
    training.model.eval()
    tests = (torch.from_numpy(data.test_images).float() - training.mean) / training.std
    with torch.no_grad():
        found = torch.cat([training.model(part.permute(0, 3, 1, 2)).argmax(1) for part in tests.split(500)])
    accuracy = float((found.numpy() == data.test_labels).mean())
    print(json.dumps({"peak": arguments.peak, "seed": arguments.seed, "accuracy": accuracy, "seconds": seconds}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("speed")
    one.add_argument("--size", type=int, default=20)
    one.add_argument("--compile", action="store_true")
    one.set_defaults(run=speed)
    one = verbs.add_parser("train")
    one.add_argument("data")
    one.add_argument("--epochs", type=int, required=True)
    one.add_argument("--peak", type=float, required=True)
    one.add_argument("--seed", type=int, default=0)
    one.set_defaults(run=train)
    for name in verbs.choices.values():
        name.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
