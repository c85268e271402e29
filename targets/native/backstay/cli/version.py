"""`backstay version`."""

from __future__ import annotations

import click

from backstay_core import __version__


@click.command(short_help="Print the version.")
@click.option("--json", "as_json", is_flag=True, help="Print {backstay, python, implementation} as JSON.")
def version(as_json: bool) -> int:
    """Print the version of Backstay; as JSON, also that of Python."""
    if not as_json:
        click.echo(f"backstay {__version__}")
        return 0
    import json
    import sys

    python = ".".join(map(str, sys.version_info[:3]))
    found = {"backstay": __version__, "python": python, "implementation": sys.implementation.name}
    click.echo(json.dumps(found, indent=2))
    return 0
