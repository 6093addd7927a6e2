"""The solver's files: `config.json`, `tokenizer.json`, `model.safetensors`, checked when read.

Matrices of the encoder and of the decoder's layers are int8 with a scale a row, the rest float16;
`config.json` names the sha256 of both other files.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.solving.quantities import LONGEST
from retrieval.errors import ReaderDamaged
from retrieval.reading.files import WEIGHTS_NAME, checked_config, read_weights, write

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from chatapp.solving.network import SolverNetwork

TOKENIZER_NAME = "tokenizer.json"


def tokenizer(directory: Path) -> Tokenizer:
    """Return the tokenizer in `directory`, which cuts after as many pieces as are read."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(directory / TOKENIZER_NAME))
    made.enable_truncation(LONGEST)
    made.no_padding()
    return made


def save(network: SolverNetwork, source: Path, directory: Path) -> None:
    """Write a solver as it ships, with the tokenizer of `source`."""
    directory.mkdir(parents=True, exist_ok=True)
    if source != directory:
        shutil.copyfile(source / TOKENIZER_NAME, directory / TOKENIZER_NAME)
    shape = asdict(network.shape)
    write(network.state_dict(), shape, directory, TOKENIZER_NAME, ("encoder.", "layers."))


def load(directory: Path) -> tuple[SolverNetwork, Tokenizer, str]:
    """Read what `save` wrote; the last of it names the exact weights.

    Raises:
        ReaderDamaged: a file is missing, damaged, or not the one that `config.json` names.
    """
    from chatapp.solving.network import SolverNetwork, SolverShape
    from retrieval.reading.encoder import Shape

    try:
        config = checked_config(directory)
        shape = SolverShape(Shape(**config["shape"]["encoder"]), config["shape"]["layers"])
        network = SolverNetwork(shape)
        network.load_state_dict(read_weights(directory / WEIGHTS_NAME))
        read = tokenizer(directory)
    except Exception as error:
        raise ReaderDamaged(
            f"the solver in {directory} is damaged: {error}",
            "restore the directory from the project's release",
        ) from error
    return network.eval(), read, f"solver-{config['sha256'][WEIGHTS_NAME][:12]}"
