"""The peer on a GPU: a plain PyTorch ResNet of the same family, with crops and flips on the card. For gpu.py.

    python benchmarks/torch_gpu_peer.py --size 20 --batch 128 --precision bfloat16 --mode compile

Version 1 with zero-padded shortcuts, in channels_last; Nesterov momentum, weight decay 5e-4. `compile` is
torch.compile(mode="reduce-overhead"), which uses CUDA graphs. The last line is JSON. Without a GPU it runs on the CPU.
"""

import argparse
import contextlib
import fcntl
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Block(nn.Module):
    """Two convolutions and a shortcut that pads with zeros."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.missing = stride, outputs - inputs

    def forward(self, x: Any) -> Any:
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        if self.stride > 1:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))
        return functional.relu(y + x, inplace=True)


def network(size: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True)]
    inputs = 16
    for width in (16, 32, 64):
        for block in range((size - 2) // 6):
            layers.append(Block(inputs, width, 2 if width > 16 and block == 0 else 1))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Training:
    """Model, optimiser, images on the device, and the step."""

    def __init__(self, size: int, precision: str, compiled: bool, images: int) -> None:
        model: Any = network(size).to(DEVICE)
        self.model = model.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=DEVICE == "cuda"
        )
        self.pixels = torch.randint(0, 256, (images, 3, 32, 32), dtype=torch.uint8, device=DEVICE)
        self.labels = torch.randint(0, 10, (images,), device=DEVICE)
        self.precision, self.images, self.compiled = precision, images, compiled
        self._loss: Any = self.loss
        if compiled:
            self._loss = torch.compile(self.loss, mode="reduce-overhead" if DEVICE == "cuda" else "default")

    def batch(self, rows: Any) -> Any:
        x = functional.pad((self.pixels[rows].float() - 120) / 60, (4, 4, 4, 4))
        count, line = len(rows), torch.arange(32, device=DEVICE)
        down, right = torch.randint(0, 9, (2, count, 1), device=DEVICE)
        flip = torch.rand(count, 1, device=DEVICE) < 0.5
        across = right + torch.where(flip, line.flip(0), line)
        every = torch.arange(count, device=DEVICE)[:, None, None]
        return x[every, :, (down + line)[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)

    def loss(self, rows: Any) -> Any:
        narrow = torch.autocast(DEVICE, torch.bfloat16) if self.precision == "bfloat16" else contextlib.nullcontext()
        with narrow:
            logits = self.model(self.batch(rows))
        return functional.cross_entropy(logits.float(), self.labels[rows])

    def step(self, size: int) -> Any:
        if self.compiled and DEVICE == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        loss = self._loss(torch.randint(0, self.images, (size,), device=DEVICE))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=["float32", "tensorfloat32", "bfloat16"], default="bfloat16")
    parser.add_argument("--mode", choices=["eager", "compile"], default="compile")
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each of three blocks")
    parser.add_argument("--lock", type=Path, help="a file: what holds it has the device to itself")
    parser.add_argument("--images", type=int, default=50000)
    arguments = parser.parse_args()
    torch.backends.cudnn.benchmark = not arguments.deterministic
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = arguments.precision != "float32"
    if arguments.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False
    began = time.perf_counter()
    training = Training(arguments.size, arguments.precision, arguments.mode == "compile", arguments.images)

    def block(steps: int) -> float:
        """Seconds."""
        start = time.perf_counter()
        for _ in range(steps):
            last = training.step(arguments.batch)
        float(last)
        return time.perf_counter() - start

    first = block(1)
    block(20 if DEVICE == "cuda" else 1)
    warm = time.perf_counter() - began
    held = arguments.lock.open("a") if arguments.lock else None
    if held:
        fcntl.flock(held, fcntl.LOCK_EX)
    steps = max(1, int(arguments.seconds / (block(20) / 20 if DEVICE == "cuda" else block(1))))
    speeds = [round(steps * arguments.batch / block(steps)) for _ in range(3)]
    print(json.dumps({"images_per_second": speeds, "first_step_s": round(first, 1), "warm_s": round(warm, 1)}))


if __name__ == "__main__":
    main()
