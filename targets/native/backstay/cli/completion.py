"""`backstay completion`."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print a script that lets SHELL complete the commands and options of `backstay`.

    \b
    backstay completion bash >> ~/.bashrc
    backstay completion zsh >> ~/.zshrc
    backstay completion fish > ~/.config/fish/completions/backstay.fish
    """
    from click.shell_completion import get_completion_class

    make = get_completion_class(shell)
    if make is None:
        raise click.ClickException(f"click has no completion for {shell}")
    click.echo(make(context.find_root().command, {}, "backstay", "_BACKSTAY_COMPLETE").source())
    return 0
