"""Where training computes, and in which precision."""

from __future__ import annotations

import ctypes
import os

import torch

# From glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


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


def keep_freed_memory() -> None:
    """Tell the C library to keep large blocks that are freed, for the next step needs them again.

    By default it returns them to the system, and a step's activations are faulted in anew each
    time: a quarter of the time of a small model's step on a CPU. Only glibc is asked.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library has its own ways
        return


def seed_noise(seed: int, step: int, rank: int = 0) -> None:
    """Make the random numbers of one step a function of the step.

    Like batches, noise (dropout, sampling) is addressed by step and not by history: a resumed run
    needs no stored generator state, and each rank draws its own.
    """
    torch.manual_seed(hash((seed, step, rank)))
