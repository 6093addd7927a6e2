"""`chatapp completion`: what makes a shell complete commands, options, models and conversations."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

VARIABLE = "_CHATAPP_COMPLETE"
_LONGEST_LIST = 50


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what a shell must read to complete `chatapp`.

    \b
    bash  eval "$(chatapp completion bash)"     in ~/.bashrc
    zsh   eval "$(chatapp completion zsh)"      in ~/.zshrc
    fish  chatapp completion fish | source      in ~/.config/fish/config.fish
    """
    from chatapp.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the shells that can be chosen"
    click.echo(kind(cli, {}, "chatapp", VARIABLE).source())


def complete_models(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the models whose names begin so."""
    from chatapp import paths

    own = (file.parent.name for file in paths.models_dir().glob("[!.]*/config.json"))
    return [CompletionItem(n) for n in ("default", *sorted(own)) if n.startswith(incomplete)]


def complete_conversations(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the newest conversations whose ids begin so, with their titles."""
    from chatapp import paths
    from chatapp.conversations import ConversationStore, StorageError

    if not paths.database_path().exists():  # pressing Tab makes no files
        return []
    try:
        store = ConversationStore.open(paths.database_path())
    except StorageError:
        return []
    try:
        newest = store.conversations(limit=_LONGEST_LIST)
    finally:
        store.close()
    return [CompletionItem(c.id, help=c.title) for c in newest if c.id.startswith(incomplete)]
