"""Where training computes, and in which precision."""

from __future__ import annotations

import os

import torch


class DeviceUnavailable(ValueError):
    """A device that this machine or this build of PyTorch does not have."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; `auto` takes a CUDA GPU where there is one.

    Under torchrun each process takes the GPU of its local rank.

    Raises:
        DeviceUnavailable: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceUnavailable(
            f"unknown device {name!r}; known: auto, cpu, cuda, cuda:N"
        ) from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceUnavailable(f"training runs on cpu and cuda, not on {device.type!r}")
    if device.type == "cuda":
        _check_cuda(device)
        torch.cuda.set_device(device)
    return device


def _check_cuda(device: torch.device) -> None:
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise DeviceUnavailable(
            f"there is no device {str(device)!r} here: PyTorch sees {count} GPU(s); "
            "use --device cpu, or install a build of PyTorch for your GPU"
        )


def seed_noise(seed: int, step: int, rank: int = 0) -> None:
    """Make the random numbers of one step a function of the step.

    Like batches, noise (dropout, sampling) is addressed by step and not by history: a resumed run
    needs no stored generator state, and each rank draws its own.
    """
    torch.manual_seed(hash((seed, step, rank)))
