"""Ways out of a sandbox that are known from elsewhere, each with the name of its refusal.

Every program tries one way and prints `ESCAPED` where it works. What stops it is named: the
error that the program gets to see, or the limit that ends it (`Outcome.limit`).
"""

from __future__ import annotations

from typing import NamedTuple


class Escape(NamedTuple):
    """A way out; `refusal` is in what it prints, or is the limit that it meets."""

    program: str
    refusal: str


# Through Python's own objects: nothing inside the interpreter is a wall, so these go through, and
# then stand before the walls of the kernel.
OBJECTS = {
    "subclass walk to Popen": Escape(
        "import subprocess\n"
        "kinds = ().__class__.__base__.__subclasses__()\n"
        "[popen] = [kind for kind in kinds if kind.__name__ == 'Popen']\n"
        "popen(['/usr/bin/env', 'true']).wait(); print('ESCAPED')",
        "processes",
    ),
    "subclass walk to system": Escape(
        "import os\n"
        "[wrap] = [k for k in object.__subclasses__() if k.__name__ == '_wrap_close']\n"
        "code = wrap.__init__.__globals__['system']('echo ESCAPED')\n"
        "print('code', code)",
        "code 32512",  # what the C library says where it could start no shell
    ),
    "frames of the launcher": Escape(
        "import sys, resource\n"
        "outer = sys._getframe().f_back.f_globals\n"
        "limit = outer['memory'] * 4\n"
        "outer['resource'].setrlimit(resource.RLIMIT_AS, (limit, limit)); print('ESCAPED')",
        "ValueError: not allowed to raise maximum limit",
    ),
    "frames of a traceback": Escape(
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    frame = error.__traceback__.tb_frame\n"
        "    print('ESCAPED', frame.f_builtins['open']('/etc/shadow').read())",
        "FileNotFoundError",
    ),
    "everything the collector knows": Escape(
        "import gc, os\n"
        "told = [str(each) for each in gc.get_objects() if isinstance(each, dict)]\n"
        "print('ESCAPED' if any('hunter' + '2' in text for text in told) else 'no secret')",
        "no secret",
    ),
    "a changed library": Escape(
        "import os\nopen(os.__file__, 'a').write('#')", "PermissionError|Read-only file system"
    ),
}

_LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


def _call(arguments: str) -> str:
    """Return a program that makes a system call by number and prints the error it gets."""
    return (
        f"{_LIBC}result = libc.syscall({arguments})\n"
        "print('ESCAPED' if result != -1 else os.strerror(ctypes.get_errno()))"
    )


# By number, on x86_64: past every check that a library could make.
SYSTEM_CALLS = {
    "ptrace": Escape(_call("101, 16, 1, 0, 0"), "Operation not permitted"),
    "reading another process": Escape(_call("310, 1, 0, 0, 0, 0, 0"), "Operation not permitted"),
    "mount": Escape(_call("165, b'none', b'/tmp', b'tmpfs', 0, 0"), "Operation not permitted"),
    "a user namespace": Escape(_call("272, 0x10000000"), "Operation not permitted"),
    "another's namespace": Escape(_call("308, 0, 0"), "Operation not permitted"),
    "a file by its handle": Escape(_call("304, -100, 0, 0"), "Operation not permitted"),
    "a kernel program": Escape(_call("321, 0, 0, 0"), "Operation not permitted"),
    "a kernel module": Escape(_call("175, 0, 0, b''"), "not permitted|not implemented"),
    "keys of the kernel": Escape(_call("250, 0, -3, 0"), "Operation not permitted"),
    "io_uring": Escape(_call("425, 8, 0"), "Operation not permitted"),
    "userfaultfd": Escape(_call("323, 0"), "Operation not permitted"),
    "a memory file": Escape(_call("319, b'x', 0"), "Operation not permitted"),
    "shared memory": Escape(_call("29, 0, 1048576, 0o1600"), "Operation not permitted"),
    "reboot": Escape(_call("169, 0xfee1dead, 672274793, 0x1234567, 0"), "Operation not permitted"),
    "the clock": Escape(_call("227, 0, bytes(16)"), "Operation not permitted"),
    "vfork": Escape(f"{_LIBC}print('ESCAPED' if libc.vfork() != -1 else 'refused')", "refused"),
    "32-bit system calls": Escape(
        "import ctypes, mmap\n"
        "code = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')\n"  # mov eax, 20; int 0x80; ret
        "at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(at)(), 'ESCAPED')",
        "system calls",
    ),
}

FILES = {
    "environment of the process": Escape("print(open('/proc/self/environ').read())", "FileNotF"),
    "memory of the process": Escape("open('/proc/self/mem', 'rb').read(1)", "FileNotFound"),
    "root of process 1": Escape("import os; print(os.listdir('/proc/1/root'))", "FileNotFound"),
    "users": Escape("print(open('/etc/passwd').read(), 'ESCAPED')", "FileNotFoundError"),
    "home": Escape("import os; print(os.listdir('/home'), 'ESCAPED')", "FileNotFoundError"),
    "a link out": Escape(
        "import os; os.symlink('/etc/passwd', '/tmp/l'); open('/tmp/l').read()", "FileNotFoundError"
    ),
    "a link through a folder": Escape(
        "import os; os.symlink('/', '/tmp/r'); open('/tmp/r/etc/passwd')", "FileNotFoundError"
    ),
    "a hard link": Escape(
        "import os, sys; os.link(sys.executable, '/tmp/python'); print('ESCAPED')", "OSError"
    ),
    "above the root": Escape(
        "import os; os.chdir('/'); print(open('../../../etc/passwd').read())", "FileNotFoundError"
    ),
    "memory of the machine": Escape("open('/dev/mem', 'rb').read(1)", "FileNotFoundError"),
    "a device of its own": Escape(
        "import os, stat; os.mknod('/tmp/m', stat.S_IFBLK | 0o600, os.makedev(8, 0))",
        "PermissionError",
    ),
    "a named pipe in the open": Escape("open('/var/run/docker.sock')", "FileNotFoundError"),
    "keys for the terminal": Escape(
        "import fcntl; fcntl.ioctl(1, 0x5412, b'x'); print('ESCAPED')", "OSError"
    ),
    "the interpreter's folder": Escape(
        "import sys; open(sys.prefix + '/x.pth', 'w')", "read-only files"
    ),
}

NETWORK = {
    "an address": Escape(
        "import socket; socket.create_connection(('192.0.2.1', 80), 3)", "network"
    ),
    "a name": Escape("import socket; socket.getaddrinfo('example.com', 80)", "gaierror"),
    "the host of a virtual machine": Escape(
        "import socket; socket.socket(socket.AF_VSOCK); print('ESCAPED')", "Operation not permitted"
    ),
    "a raw socket": Escape(
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "PermissionError"
    ),
    "a packet socket": Escape(
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "PermissionError"
    ),
    "a socket of a service": Escape(
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
        "FileNotFoundError",
    ),
    "a socket without a file": Escape(
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0/tmp/.X11-unix/X0')",
        "ConnectionRefusedError",
    ),
}

BOMBS = {
    "fork bomb": Escape("import os\nwhile True: os.fork()", "processes"),
    "thread bomb": Escape(
        "import threading, time\nwhile True: threading.Thread(target=time.sleep).start()",
        "processes",
    ),
    "memory bomb": Escape("kept = []\nwhile True: kept.append(bytearray(1 << 20))", "memory"),
    "one huge number": Escape("9 ** 9 ** 9", "cpu time"),
    "one huge text": Escape("'x' * (1 << 40)", "memory"),
    "mapped memory": Escape("import mmap; mmap.mmap(-1, 1 << 40)", "memory"),
    "1 GB of output": Escape("for _ in range(1024): print('x' * (1 << 20))", "output"),
    "1 GB of errors": Escape(
        "import os\nfor _ in range(16384): os.write(2, b'x' * 65536)", "output"
    ),
    "a file of 1 GB": Escape("open('/tmp/f', 'wb').truncate(1 << 30)", "file size"),
    "a full disk": Escape(
        "for n in range(99): open(f'/tmp/{n}', 'wb').write(bytes(4 << 20))", "disk space"
    ),
    "shared memory": Escape("open('/dev/shm/x', 'wb').write(bytes(1 << 30))", "read-only files"),
    "open files": Escape(
        "kept = [open('/tmp/x', 'w') for _ in range(999)]; print('ESCAPED')", "open files"
    ),
    "an endless loop": Escape("while True: pass", "cpu time"),
    "one that ignores its signal": Escape(
        "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
        "cpu time",
    ),
    "sleep": Escape("import time; time.sleep(600)", "wall time"),
    "a crash": Escape("import ctypes; ctypes.string_at(0)", "crash"),
}

SIGNALS = {
    "every process": Escape(
        "import os\nos.kill(-1, 9); print('alone')", "alone|ProcessLookupError"
    ),
    "the one that holds the walls": Escape(
        "import os\nos.kill(os.getppid(), 9); print('alive')", "alive|PermissionError"
    ),
}

ESCAPES = {
    f"{room}: {name}": escape
    for room, escapes in (
        ("objects", OBJECTS),
        ("files", FILES),
        ("network", NETWORK),
        ("bombs", BOMBS),
        ("signals", SIGNALS),
        ("system calls", SYSTEM_CALLS),
    )
    for name, escape in escapes.items()
}
