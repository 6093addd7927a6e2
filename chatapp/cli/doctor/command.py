"""The `doctor` command: run every check, print them, and exit by the worst one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import click

from chatapp.cli.doctor import data, machine, outside, terminal, web
from chatapp.cli.doctor.check import Check, Status
from chatapp.cli.errors import ExitCode
from chatapp.cli.output import output_option, print_json
from chatapp.settings import SettingsError

CHECKS: tuple[Callable[[], Check | Sequence[Check]], ...] = (
    machine.python,
    machine.sqlite,
    machine.torch,
    machine.runtime,
    machine.gpu,
    machine.disk,
    terminal.checks,
    data.home,
    data.settings,
    data.database,
    data.index,
    data.model,
    data.helpers,
    outside.python_tool,
    outside.folders,
    web.web,
    outside.remotes,
    outside.servers,
)
_SEVERITY: tuple[Status, ...] = ("ok", "warn", "fail")
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@output_option("text", "json")
@click.option("--online", is_flag=True, help="Also ask each search provider for one word.")
@click.pass_context
def doctor(ctx: click.Context, output: str, online: bool) -> None:
    """Check this installation and name each fix.

    Nothing is changed, and nobody is contacted but the remote models and MCP servers in your
    settings, and with --online the providers of web search.

    Exit code 0: nothing failed. 1: something failed. 6: stored data or its place failed.
    """
    wanted = [*CHECKS, web.providers] if online else CHECKS
    checks = [found for check in wanted for found in _guarded(check)]
    if output == "json":
        print_json({"status": _worst(checks), "checks": [_public(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    ctx.exit(_exit_code(checks))


def _guarded(check: Callable[[], Check | Sequence[Check]]) -> Sequence[Check]:
    """Run one check; one that breaks is a failed check and does not hide the others.

    Settings that cannot be read break many; that is said once, by the check of the settings.
    """
    try:
        found = check()
    except SettingsError:
        return []
    except Exception as error:  # noqa: BLE001 - a doctor must survive what it looks at
        return [Check(check.__name__, "fail", f"{type(error).__name__}: {error}", "report this.")]
    return [found] if isinstance(found, Check) else found


def _public(check: Check) -> dict[str, str]:
    fields = dataclasses.asdict(check)
    del fields["storage"]
    return fields


def _print(check: Check) -> None:
    mark = click.style(f"{check.status:<4}", fg=_COLOURS[check.status])
    click.echo(f"{mark}  {check.name:<13} {check.detail}")
    if check.fix:
        click.echo(f"      fix: {check.fix}")


def _worst(checks: Sequence[Check]) -> Status:
    return max((check.status for check in checks), key=_SEVERITY.index)


def _exit_code(checks: Sequence[Check]) -> ExitCode:
    failed = [check for check in checks if check.status == "fail"]
    if any(check.storage for check in failed):
        return ExitCode.STORAGE
    return ExitCode.ERROR if failed else ExitCode.OK
