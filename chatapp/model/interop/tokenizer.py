"""The tokenizer of an imported model: its own vocabulary and its own chat template.

The Hugging Face files beside `tokenizer.json` say which tokens end a turn and how a conversation is
written: a Jinja template, rendered by `transformers`. A model without one was not tuned to chat;
it gets a plain transcript ("User: …", "Assistant: …") that ends where it would write the user's
next line. As with our own models, no message can forge a turn: the name of a special token inside
a message is encoded as plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from chatapp.model.interop.templates import JinjaTemplate, PlainTranscript, Template
from chatapp.model.tokenizer import (
    SPECIAL_TOKENS,
    ChatTokenizer,
    EncodedChat,
    TokenizerError,
    read_tokenizer,
    spelled_bytes,
)

TOKENIZER_FILE = "tokenizer.json"
SIDE_FILES = (
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "generation_config.json",
)


def load_tokenizer(directory: Path) -> ChatTokenizer:
    """Read the tokenizer of a model directory, our own or an imported one.

    Raises:
        TokenizerError: missing, damaged, or without a token that ends a text.
    """
    own = read_tokenizer(directory / TOKENIZER_FILE)
    if all(own.token_to_id(token) is not None for token in SPECIAL_TOKENS):
        return ChatTokenizer(own)
    return ImportedTokenizer(own, TokenizerFiles.read(directory))


@dataclass(frozen=True)
class TokenizerFiles:
    """What the files beside tokenizer.json say.

    Attributes:
        tokens: special tokens by their Hugging Face names, e.g. `eos_token`.
        end_ids: ids that end a generated text, from generation_config.json and config.json.
        template: Jinja source of the chat template, if there is one.
        texts: contents of the files, by name.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    end_ids: tuple[int, ...] = ()
    template: str | None = None
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> TokenizerFiles:
        """Read what there is.

        Raises:
            TokenizerError: a file is no JSON object.
        """
        texts = {
            name: (directory / name).read_text(encoding="utf-8")
            for name in SIDE_FILES
            if (directory / name).is_file()
        }
        config = _json_object(texts, "tokenizer_config.json")
        named = {**_json_object(texts, "special_tokens_map.json"), **config}
        template = texts.get("chat_template.jinja") or _named_template(config.get("chat_template"))
        tokens = {
            key: value["content"] if isinstance(value, dict) else value
            for key, value in named.items()
            if key.endswith("_token") and isinstance(value, str | dict)
        }
        shape = directory / "config.json"
        model = {"config.json": shape.read_text(encoding="utf-8")} if shape.is_file() else {}
        ends = [
            *_ids(_json_object(texts, "generation_config.json").get("eos_token_id")),
            *_ids(_json_object(model, "config.json").get("eos_token_id")),
        ]
        return cls(tokens, tuple(ends), template, texts)


class ImportedTokenizer(ChatTokenizer):
    """A `ChatTokenizer` over the vocabulary and template of another project's model."""

    def __init__(self, tokenizer: Tokenizer, files: TokenizerFiles) -> None:
        self._tokenizer = tokenizer
        self.prefix: tuple[int, ...] = ()
        self.side_files = dict(files.texts)
        added = tokenizer.get_added_tokens_decoder().values()
        self._special_texts = sorted(
            (str(token.content) for token in added if token.special and token.content),
            key=len,
            reverse=True,
        )
        self._special_pattern = re.compile("|".join(map(re.escape, self._special_texts)) or r"(?!)")
        named = {key: tokenizer.token_to_id(token) for key, token in files.tokens.items()}
        known = {key: int(index) for key, index in named.items() if index is not None}
        self.end_of_turn = self._end(known, files.end_ids)
        self.end_ids = frozenset({self.end_of_turn, *files.end_ids})
        self.end_of_text = files.end_ids[-1] if files.end_ids else self.end_of_turn
        self.padding = known.get("pad_token", self.end_of_text)
        self.begin = known.get("bos_token")
        self._template: Template = (
            JinjaTemplate(files.template, files.tokens) if files.template else PlainTranscript()
        )
        self.stop = self._template.stop
        self.knows_tools = self._template.knows_tools

    @staticmethod
    def _end(known: dict[str, int], end_ids: Sequence[int]) -> int:
        if "eos_token" in known:
            return known["eos_token"]
        if end_ids:
            return end_ids[0]
        raise TokenizerError(
            "the tokenizer names no token that ends a text: eos_token is missing in "
            "tokenizer_config.json, eos_token_id in generation_config.json"
        )

    @property
    def chats(self) -> bool:
        """Whether the model came with a chat template of its own."""
        return not isinstance(self._template, PlainTranscript)

    def encode(self, text: str) -> list[int]:
        """See `ChatTokenizer.encode`."""
        return [index for piece in self._unforged(text) for index in self._ids_of(piece)]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See `ChatTokenizer.encode_batch`."""
        if any(self._special_pattern.search(text) for text in texts):
            return [self.encode(text) for text in texts]
        return super().encode_batch(texts)

    @cached_property
    def _spelled(self) -> list[bytes]:
        """Byte-level BPE's spelling, or SentencePiece's."""
        byte_level = "ByteLevel" in json.dumps(json.loads(self._tokenizer.to_str())["decoder"])
        added = self._tokenizer.get_added_tokens_decoder()
        spelled = []
        for index in range(self.vocab_size):
            written = self._tokenizer.id_to_token(index) or ""
            if index in added:
                spelled.append(b"" if added[index].special else written.encode())
            elif byte_level:
                spelled.append(spelled_bytes(written))
            elif re.fullmatch("<0x[0-9A-F]{2}>", written):
                spelled.append(bytes.fromhex(written[3:5]))
            else:
                spelled.append(written.replace("\u2581", " ").encode())
        return spelled

    def encode_chat(self, messages: Sequence[tuple[str, str]]) -> EncodedChat:
        """See `ChatTokenizer.encode_chat`; the template decides what stands around a message.

        Raises:
            ValueError: an unknown role, or a template that writes an earlier turn differently
                once the conversation goes on, so that no loss mask fits.
        """
        ids = self._rendered(messages, answer=False)
        trained = [False] * len(ids)
        for index, (role, _) in enumerate(messages):
            if role != "assistant":
                continue
            before = self._rendered(messages[:index], answer=True)
            after = self._rendered(messages[: index + 1], answer=False)
            if ids[: len(after)] != after or after[: len(before)] != before:
                raise ValueError(
                    "the chat template of this model rewrites earlier turns, so it cannot be "
                    "tuned on whole conversations"
                )
            ends = [at for at in range(len(before), len(after)) if after[at] in self.end_ids]
            stop = ends[0] + 1 if ends else len(after)
            trained[len(before) : stop] = [True] * (stop - len(before))
        return EncodedChat(ids, trained)

    def encode_prompt(
        self,
        messages: Sequence[tuple[str, str]],
        partial: str = "",
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[int]:
        """See `ChatTokenizer.encode_prompt`."""
        prompt = self._rendered(messages, answer=True, tools=tools)
        return [*prompt, *self.encode(partial)] if partial else prompt

    def role_token(self, role: str) -> int:
        """Refuse: here a role is opened by text, not by one token."""
        raise ValueError(f"an imported model has no token that opens the turn of {role!r}")

    def _rendered(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        answer: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[int]:
        """Return the ids of a conversation, with the assistant's turn opened if `answer`."""
        hidden = _Hidden(self._special_pattern)
        safe = [(role, hidden.hide(content)) for role, content in messages]
        text = self._template.render(safe, answer=answer, tools=tools)
        ids = [] if self._template.writes_start else self._start_ids()
        for piece, plain in hidden.split(text):
            ids += self.encode(piece) if plain else self._ids_of(piece)
        return ids

    def _start_ids(self) -> list[int]:
        """What the tokenizer puts before a text; else the token that begins one, if it has one."""
        first = list(self._tokenizer.encode("", add_special_tokens=True).ids)
        return first or ([self.begin] if self.begin is not None else [])

    def _unforged(self, text: str) -> Iterable[str]:
        """Cut a text inside every special token's name, so that no piece contains one."""
        while match := self._special_pattern.search(text):
            yield text[: match.start() + 1]
            text = text[match.start() + 1 :]
        if text:
            yield text


class _Hidden:
    """Takes special tokens' names out of messages before a template sees them."""

    _OPEN, _CLOSE = "\ue000", "\ue001"  # private use: no template looks at them

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._found: list[str] = []

    def hide(self, text: str) -> str:
        """Replace each name by a mark."""
        text = text.replace(self._OPEN, "\ufffd").replace(self._CLOSE, "\ufffd")
        return self._pattern.sub(self._mark, text)

    def _mark(self, match: re.Match[str]) -> str:
        self._found.append(match[0])
        return f"{self._OPEN}{len(self._found) - 1}{self._CLOSE}"

    def split(self, text: str) -> Iterable[tuple[str, bool]]:
        """Yield the parts of a rendered text; True marks a name that stays plain text."""
        pieces = re.split(f"{self._OPEN}(\\d+){self._CLOSE}", text)
        for at, piece in enumerate(pieces):
            if at % 2:
                yield self._found[int(piece)], True
            elif piece:
                yield piece, False


def _json_object(texts: dict[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(texts.get(name, "{}"))
    except ValueError as error:
        raise TokenizerError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise TokenizerError(f"{name} is not a JSON object")
    return value


def _named_template(value: object) -> str | None:
    """Return the template of tokenizer_config.json: text, or the one named `default` of several."""
    if isinstance(value, list):
        named = {str(entry["name"]): str(entry["template"]) for entry in value}
        return named.get("default")
    return value if isinstance(value, str) else None


def _ids(value: object) -> list[int]:
    """Return token ids that are given as one number, as a list, or not at all."""
    if isinstance(value, int):
        return [value]
    return [int(index) for index in value] if isinstance(value, list) else []
