"""`backstay doctor`."""

from __future__ import annotations

import click

COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}


@click.command(short_help="Check the installation and the machine.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of {what, verdict, finding} as JSON.")
def doctor(as_json: bool) -> int:
    """Check this installation: versions, extras, the clock, the event loop, file limits. Everything is measured now.

    The exit code is 1 if anything is bad; notes are worth knowing and do no harm.
    """
    from backstay.cli.checks import BAD, look

    found = look()
    if as_json:
        import json

        data = [{"what": what, "verdict": verdict, "finding": finding} for what, verdict, finding in found]
        click.echo(json.dumps(data, indent=2))
    else:
        for what, verdict, finding in found:
            click.echo(f"{click.style(f'{verdict:<5}', fg=COLOURS[verdict])} {what:<11} {finding}")
    return int(any(verdict == BAD for _, verdict, _ in found))
