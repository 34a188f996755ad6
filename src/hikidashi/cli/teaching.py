"""`completion`, and the page docs/commands.md that is made from the commands' own help."""

from __future__ import annotations

from collections.abc import Iterator

import click

_COMPLETE = "_HIKIDASHI_COMPLETE"
_LINES = {
    "bash": f'eval "$({_COMPLETE}=bash_source hikidashi)"',
    "zsh": f'eval "$({_COMPLETE}=zsh_source hikidashi)"',
    "fish": f"{_COMPLETE}=fish_source hikidashi | source",
}
_INTRODUCTION = """\
# Commands

This page is made from what `hikidashi COMMAND --help` says, by `hikidashi commands`; a test compares them.

The commands work on the database itself (`--database`, or `HIKIDASHI_DATABASE`), whether a server runs
or not. A server that runs sees every change within two seconds. Every change of definitions, people,
grants, passwords and tokens is told to the audit, as one by the command line: `hikidashi audit`.

**Output.** Tables and sentences are for people and may change; `--json` is for programs. What was asked for
goes to the standard output, everything else to the standard error. In a pipe nothing is cut off.

**Asking.** What can't be undone is asked for at the terminal; elsewhere it is refused without `--yes`.

**Completion.** `hikidashi completion bash` prints the line that makes the shell complete commands and options.

## Exit codes

| code | means |
|---|---|
| 0 | done, also when there was nothing to change |
| 1 | refused, by a rule or by whoever was asked; nothing was changed |
| 2 | a command, an option or a setting that does not exist or can't be read |
| 3 | `check` found something wrong |
| 4 | the database can't be reached; trying again later may do |
| 5 | something unforeseen, a mistake of ours |
"""


@click.command()
@click.argument("shell", type=click.Choice(sorted(_LINES)))
def completion(shell: str) -> None:
    """Print the line that completes commands in a SHELL; put it in the shell's start file.

    \b
      hikidashi completion bash >> ~/.bashrc
      hikidashi completion zsh >> ~/.zshrc
      hikidashi completion fish > ~/.config/fish/completions/hikidashi.fish
    """  # noqa: D301  \b is click's
    click.echo(_LINES[shell])


@click.command(hidden=True)
@click.pass_context
def commands(context: click.Context) -> None:
    """Print the page docs/commands.md."""
    click.echo(_page(context.find_root().command), nl=False)


def _page(root: click.Command) -> str:
    parts = [_INTRODUCTION]
    for name, command, context in _walk(root, None, "hikidashi"):
        parts.append(f"\n## {name}\n\n```\n{command.get_help(context).rstrip()}\n```\n")
    return "".join(parts)


def _walk(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(
        command,
        parent,
        name,
        terminal_width=80,
        max_content_width=80,
        help_option_names=["-h", "--help"],
    )
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            below = command.get_command(context, one)
            if below is not None and not below.hidden:
                yield from _walk(below, context, one)
