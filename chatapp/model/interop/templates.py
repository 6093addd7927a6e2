"""How a conversation is written for a model: its own Jinja template, or a plain transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from chatapp.model.tokenizer import ROLE_TOKENS, TokenizerError

Messages = Sequence[tuple[str, str]]
Tools = Sequence[Mapping[str, Any]]


class Template(Protocol):
    """Turns (role, content) pairs into the text that the model reads.

    Attributes:
        stop: texts that end a reply.
        writes_start: whether the text already has the token that begins every sequence.
    """

    stop: ClassVar[tuple[str, ...]]
    writes_start: ClassVar[bool]

    @property
    def knows_tools(self) -> bool:
        """Whether it can offer tools."""
        ...

    def render(self, messages: Messages, *, answer: bool, tools: Tools = ()) -> str:
        """Return the conversation as text, with the assistant's turn opened if `answer`.

        Raises:
            ValueError: a role that is not system, user, assistant or tool.
            TokenizerError: the template refuses the conversation.
        """
        ...


class PlainTranscript:
    """For a model that was never tuned to chat: named lines, which it continues."""

    stop: ClassVar[tuple[str, ...]] = ("\nUser:", "\nAssistant:")
    writes_start: ClassVar[bool] = False
    knows_tools: ClassVar[bool] = False
    _NAMES: ClassVar = {
        "user": "User: ",
        "assistant": "Assistant: ",
        "tool": "Tool: ",
        "system": "",
    }

    def render(self, messages: Messages, *, answer: bool, tools: Tools = ()) -> str:
        """See `Template.render`."""
        check_roles(messages)
        turns = [f"{self._NAMES[role]}{content.strip()}\n" for role, content in messages]
        return "\n".join(turns) + ("\nAssistant:" if answer else "")


@dataclass(frozen=True)
class JinjaTemplate:
    """A chat template of the Hugging Face format, rendered by `transformers` in its sandbox."""

    source: str
    tokens: Mapping[str, str]
    stop: ClassVar[tuple[str, ...]] = ()
    writes_start: ClassVar[bool] = True

    @property
    def knows_tools(self) -> bool:
        """See `Template.knows_tools`; templates have one name for them."""
        return "tools" in self.source

    def render(self, messages: Messages, *, answer: bool, tools: Tools = ()) -> str:
        """See `Template.render`.

        Many templates know no system or tool message, or want user and assistant to alternate; a
        conversation that is refused is tried again in that simpler form.
        """
        from jinja2 import TemplateError

        check_roles(messages)
        try:
            return self._text(messages, answer, tools)
        except TemplateError:
            pass
        try:
            return self._text(alternating(messages), answer, tools)
        except TemplateError as error:
            raise TokenizerError(
                f"the model's chat template refuses this conversation: {error}"
            ) from error

    def _text(self, messages: Messages, answer: bool, tools: Tools) -> str:
        from transformers.utils import chat_template_utils

        render: Any = chat_template_utils.render_jinja_template  # its annotation is not true
        conversation = [{"role": role, "content": content} for role, content in messages]
        rendered, _ = render(
            conversations=[conversation],
            tools=[{"type": "function", "function": dict(tool)} for tool in tools] or None,
            chat_template=self.source,
            add_generation_prompt=answer,
            enable_thinking=False,  # the chat shows answers; templates that think ask for this
            **self.tokens,
        )
        return str(rendered[0])


def alternating(messages: Messages) -> list[tuple[str, str]]:
    """Return the conversation with user and assistant turns only, strictly alternating.

    System and tool messages join the user's next turn; neighbours of one role become one.
    """
    turns: list[tuple[str, str]] = []
    for role, content in messages:
        speaker = "assistant" if role == "assistant" else "user"
        if turns and turns[-1][0] == speaker:
            content = f"{turns.pop()[1]}\n\n{content}"
        turns.append((speaker, content))
    return turns


def check_roles(messages: Messages) -> None:
    """Raise ValueError for a role that no chat has."""
    for role, _ in messages:
        if role not in ROLE_TOKENS:
            raise ValueError(f"unknown role {role!r}; known: {', '.join(ROLE_TOKENS)}")
