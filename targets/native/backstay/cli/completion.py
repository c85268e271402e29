"""`backstay completion`."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--json", "as_json", is_flag=True, help="Print {shell, script} as JSON.")
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> int:
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
    script = make(context.find_root().command, {}, "backstay", "_BACKSTAY_COMPLETE").source()
    if as_json:
        import json

        script = json.dumps({"shell": shell, "script": script}, indent=2)
    click.echo(script)
    return 0
