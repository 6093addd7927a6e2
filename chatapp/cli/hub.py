"""Fetching one named model from the Hugging Face hub: what it would take, then the files.

The only network access of the model commands, made when a person names an id and has seen the
sizes. Weights in pickles and code are never fetched. `huggingface_hub` does the work; it reads the
person's own token, mirror (`HF_ENDPOINT`) and offline mode (`HF_HUB_OFFLINE`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from chatapp.cli.errors import CliError, ExitCode

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_WANTED = (
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.*",
    "merges.txt",
    "spiece.model",
    "LICENSE*",
    "README.md",
)


@dataclass(frozen=True)
class Download:
    """Files of a model at one revision, with their sizes in bytes."""

    model_id: str
    revision: str
    sizes: dict[str, int]

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(self.sizes.values())


def is_id(text: str) -> bool:
    """Whether a text can be the id of a model on the hub: `owner/name`, or an old `name`."""
    return _ID.fullmatch(text) is not None and ".." not in text


def plan(model_id: str, revision: str | None = None) -> Download:
    """Ask the hub which files a model has; only its list is fetched.

    Raises:
        CliError: no such model, no permission, no network, or no safetensors files.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi

    with _explained(model_id):
        found = HfApi().model_info(model_id, revision=revision, files_metadata=True)
    sizes = {
        each.rfilename: each.size or 0
        for each in found.siblings or []
        if any(fnmatch(each.rfilename, pattern) for pattern in _WANTED)
    }
    if not any(name.endswith(".safetensors") for name in sizes):
        raise CliError(
            f"{model_id} has no weights in safetensors files, and other kinds can run code",
            hint="choose another version of the model.",
        )
    return Download(model_id, str(found.sha), sizes)


def fetch(download: Download, folder: Path) -> None:
    """Bring all files to `folder`; what is there from an earlier try is not fetched again.

    Raises:
        CliError: the hub cannot be reached any more.
    """
    from huggingface_hub import hf_hub_download

    with _explained(download.model_id):
        for name in download.sizes:
            hf_hub_download(download.model_id, name, revision=download.revision, local_dir=folder)


@contextmanager
def _explained(model_id: str) -> Iterator[None]:
    """Turn the library's errors into a person's."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise CliError(
            f"{model_id} is open only to people who accepted its terms",
            hint="accept them on its page on the hub, and log in with `hf auth login`.",
            code=ExitCode.APPROVAL,
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CliError(
            f"{model_id} has no such revision",
            hint="leave --revision out for the newest one.",
            code=ExitCode.NOT_FOUND,
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CliError(
            f"there is no model '{model_id}' on the hub, or it is private",
            hint="look its id up on the hub; it has the form owner/name.",
            code=ExitCode.NOT_FOUND,
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise CliError(
            f"{model_id} cannot be fetched: HF_HUB_OFFLINE is set, so nothing goes out",
            hint="unset it, or import a directory that you have.",
        ) from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, ConnectionError):
            raise  # a disk that is full, or the like
        raise _unreachable(model_id, error) from error
    except CliError:
        raise
    except Exception as error:  # whatever its HTTP library raises
        raise _unreachable(model_id, error) from error


def _unreachable(model_id: str, error: Exception) -> CliError:
    return CliError(
        f"the hub cannot be reached for {model_id}: {str(error).splitlines()[0][:200]}",
        hint="check the network and try again; files that came already are kept.",
    )
