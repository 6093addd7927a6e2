"""Byte-level BPE with the chat's own special tokens, and the chat template.

Byte-level BPE (GPT-2) can spell any text, so nothing is ever unknown. Special tokens are only ever
produced by `encode_chat` and friends: text that merely looks like one is encoded as plain bytes,
so a message cannot forge a turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"  # between documents; starts every sequence
END_OF_TURN = "<|end|>"  # the model says it when its turn is over
PADDING = "<|pad|>"  # never a target, so distinct from both ends
ROLE_TOKENS = {
    "system": "<|system|>",
    "user": "<|user|>",
    "assistant": "<|assistant|>",
    "tool": "<|tool|>",
}
SPECIAL_TOKENS = (END_OF_TEXT, END_OF_TURN, PADDING, *ROLE_TOKENS.values())

_SHORT = 2**14  # characters, which are encoded in some milliseconds

# Words with their leading space, runs of at most two digits (a small vocabulary should not spend
# itself on numbers), punctuation, and space runs that leave the last space to the next word.
_SPLIT = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,2}"""
    r"""| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)


class TokenizerError(ValueError):
    """A tokenizer file that cannot serve; the message names the file and the fix."""


@dataclass(frozen=True)
class EncodedChat:
    """Token ids of a conversation and, for each, whether the assistant is to produce it."""

    ids: list[int]
    trained: list[bool]


class ChatTokenizer:
    """Text to ids and back, with the chat template.

    Attributes:
        end_of_text: id between documents.
        end_of_turn: id with which the model ends its turn.
        end_ids: every id that ends a generated text.
        stop: texts that end a reply, for a model that has no token to do so.
        padding: id that is never a target.
        begin: id that starts every text, if one does.
        side_files: contents of the files that belong beside tokenizer.json, by name.
        knows_tools: whether the chat template can offer tools to the model.
    """

    stop: tuple[str, ...] = ()
    knows_tools = False

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # Special tokens written out in a text stay plain text.
        self._tokenizer.encode_special_tokens = True
        self.end_of_text = self._special(END_OF_TEXT)
        self.end_of_turn = self._special(END_OF_TURN)
        self.padding = self._special(PADDING)
        self.begin: int | None = self.end_of_text
        self.end_ids = frozenset({self.end_of_text, self.end_of_turn})
        self.side_files: dict[str, str] = {}
        self._roles = {role: self._special(token) for role, token in ROLE_TOKENS.items()}
        self._newline = self.encode("\n")
        # ids that follow the first token of every sequence: a soft prompt's rows of the embedding
        self.prefix: tuple[int, ...] = ()

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> ChatTokenizer:
        """Learn merges from `texts` until the vocabulary has `vocab_size` entries."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> ChatTokenizer:
        """Read `tokenizer.json`.

        Raises:
            TokenizerError: missing, damaged, or without the chat's special tokens.
        """
        return cls(read_tokenizer(path))

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        self._tokenizer.save(str(path))

    @property
    def fingerprint(self) -> str:
        """A hash of the whole tokenizer: tokens of equal fingerprints mean the same."""
        written = self._tokenizer.to_str() + (repr(self.prefix) if self.prefix else "")
        return hashlib.sha256(written.encode()).hexdigest()

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self._tokenizer.get_vocab_size())

    def _special(self, token: str) -> int:
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise TokenizerError(
                f"the tokenizer lacks the special token {token}; "
                "train one with this project's recipes"
            )
        return int(index)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; no special token is ever among them."""
        return self._ids_of(text)

    def _ids_of(self, text: str) -> list[int]:
        if len(text) <= _SHORT:
            return list(self._tokenizer.encode(text, add_special_tokens=False).ids)
        # a batch of one: alone among the library's calls it lets other threads run meanwhile
        [encoding] = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        return list(encoding.ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode many texts at once, on as many threads as the library takes."""
        return [
            list(encoding.ids)
            for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`; special tokens are left out, broken UTF-8 becomes U+FFFD."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def token_bytes(self) -> list[bytes]:
        """Return which bytes of text each id spells; none for special tokens.

        The list is shared; do not change it.
        """
        return self._spelled

    @cached_property
    def _spelled(self) -> list[bytes]:
        """In byte-level BPE every character of a token's written form stands for one byte."""
        special = set(SPECIAL_TOKENS)
        written = [self._tokenizer.id_to_token(index) or "" for index in range(self.vocab_size)]
        return [b"" if token in special else spelled_bytes(token) for token in written]

    def byte_lengths(self) -> list[int]:
        """Return how many bytes of text each id spells; 0 for special tokens."""
        return [len(spelled) for spelled in self.token_bytes()]

    def encode_chat(self, messages: Sequence[tuple[str, str]]) -> EncodedChat:
        """Encode a conversation of (role, content) pairs for training.

        Every turn is `<|role|> newline content <|end|>`; the whole starts with `<|endoftext|>`.
        Only the assistant's content and its `<|end|>` are trained.

        Raises:
            ValueError: a role that is not system, user, assistant or tool.
        """
        ids = [self.end_of_text, *self.prefix]
        trained = [False] * len(ids)
        for role, content in messages:
            header = [self.role_token(role), *self._newline]
            body = [*self.encode(content.strip()), self.end_of_turn]
            ids += header + body
            trained += [False] * len(header) + [role == "assistant"] * len(body)
        return EncodedChat(ids, trained)

    def encode_prompt(
        self,
        messages: Sequence[tuple[str, str]],
        partial: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[int]:
        """Encode a conversation and open the assistant's turn, which may be partly written.

        `tools` are functions as JSON Schema has them; a template that `knows_tools` offers them.
        """
        header = [self._roles["assistant"], *self._newline]
        return [
            *self.encode_chat(messages).ids,
            *header,
            *(self.encode(partial) if partial else []),
        ]

    def role_token(self, role: str) -> int:
        """Return the id that opens a role's turn.

        Raises:
            ValueError: a role that is not system, user, assistant or tool.
        """
        try:
            return self._roles[role]
        except KeyError:
            raise ValueError(f"unknown role {role!r}; known: {', '.join(self._roles)}") from None


def read_tokenizer(path: Path) -> Tokenizer:
    """Read the file of any tokenizer.

    Raises:
        TokenizerError: missing or damaged.
    """
    if not path.is_file():
        raise TokenizerError(f"no tokenizer at {path}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more precise
        raise TokenizerError(f"{path} is not a tokenizer file: {error}") from error


def spelled_bytes(written: str) -> bytes:
    """Return the bytes that a token of byte-level BPE stands for, given its written form."""
    return bytes(_BYTE_OF[character] for character in written)


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's alphabet: printable bytes stand for themselves, the others for 256, 257, ..."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }


_BYTE_OF = _byte_alphabet()
