"""Errors of retrieval; each message says what is wrong and each `hint` how to put it right.

RetrievalError
├── IndexUnavailable    the index file cannot be opened, read or written
│   ├── EmbedderDamaged      the files of an embedder do not make one
│   └── EmbedderUnavailable  the chosen embedder is not on this machine
├── ReaderDamaged       the files of the reader are not what they should be
├── NotInIndex          no document or passage with that id (also a KeyError)
└── LoadError           one input cannot be read; ingestion reports it and goes on
    └── Unreachable          it is out of reach; what was read of it before may still be so
"""

from __future__ import annotations

import errno


class RetrievalError(Exception):
    """Base of everything this package raises on purpose."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class IndexUnavailable(RetrievalError):
    """The index file is damaged, locked, read-only or not an index."""


class EmbedderDamaged(IndexUnavailable):
    """The files of an embedder are missing, truncated or do not fit each other."""


class EmbedderUnavailable(IndexUnavailable):
    """The chosen embedder is not on this machine; the hint says how to get it."""


class ReaderDamaged(RetrievalError):
    """The files of the reader are missing, truncated or do not fit each other."""


class NotInIndex(RetrievalError, KeyError):
    """No document or passage has the id that was asked for."""


class LoadError(RetrievalError):
    """One file or record cannot be read."""


class Unreachable(LoadError):
    """An input is out of reach, which says nothing about what it holds."""


def is_gone(error: OSError) -> bool:
    """Whether there is no such file; any other error leaves open that there is one."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def unreadable(error: OSError) -> Unreachable:
    """Return what to say about a path that the system did not let be read."""
    if is_gone(error):
        return Unreachable("no such file or folder", "check the path for a typing error")
    if error.errno == errno.ELOOP:
        return Unreachable("this link leads back to itself", "add the file it should lead to")
    if error.errno == errno.ENAMETOOLONG:
        return Unreachable("the name is too long", "check the path for a typing error")
    return Unreachable(f"cannot be read: {error.strerror}", "check its permissions")
