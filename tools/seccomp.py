"""A seccomp filter: the system calls that a sandboxed program is refused, as the kernel reads it.

The thing to know: this closes ways to take memory that no limit of the sandbox counts (shared
segments, memory files, new tmpfs mounts in a user namespace of one's own) and parts of the kernel
that a program has no need of. It is one wall of several; see `tools.python_sandbox`.
Format: classic BPF, https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

from __future__ import annotations

import errno
import platform
import struct

# name: number on (x86_64, aarch64)
_REFUSED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
_SOCKET = (41, 198)
_VSOCK = 40  # AF_VSOCK leads to the host of a virtual machine, past every network namespace
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH_*

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENT_OFFSET = 0, 4, 16  # in struct seccomp_data
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_X32 = 0x40000000  # the other numbering that x86_64 kernels understand


def seccomp_filter(machine: str | None = None) -> bytes | None:
    """Return the filter for `machine` (this one by default), None where its numbers are unknown.

    The listed calls fail with EPERM; a call in another architecture's numbering ends the program.
    """
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    column, architecture = known
    numbers = sorted({pair[column] for pair in _REFUSED.values()})
    sockets = [
        _instruction(_IF_EQUAL, 0, 2, _SOCKET[column]),
        _instruction(_LOAD, 0, 0, _ARGUMENT_OFFSET),
        _instruction(_IF_EQUAL, 1, 0, _VSOCK),
    ]
    beyond = len(numbers) + len(sockets)
    # A jump counts the instructions it leaves out, so each one looks to the end of the list.
    program = [
        _instruction(_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        _instruction(_IF_EQUAL, 1, 0, architecture),
        _instruction(_RETURN, 0, 0, _KILL),
        _instruction(_LOAD, 0, 0, _NUMBER_OFFSET),
        _instruction(_IF_AT_LEAST, beyond + 1, 0, _X32),
    ]
    program += [
        _instruction(_IF_EQUAL, beyond - place, 0, number) for place, number in enumerate(numbers)
    ]
    program += sockets
    program += [_instruction(_RETURN, 0, 0, _ALLOW), _instruction(_RETURN, 0, 0, _REFUSE)]
    return b"".join(program)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
