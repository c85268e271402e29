"""`backstay classify`."""

from __future__ import annotations

import click


@click.command(short_help="Say what an exception, status or error code means.")
@click.argument("what", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a list of {asked, why, kind, code, …} as JSON.")
def classify(what: tuple[str, ...], as_json: bool) -> int:
    """Say what the taxonomy makes of WHAT, and why: the name of an exception, an HTTP status, an errno by name or
    number, a JSON-RPC or gRPC code, or a kind.

    \b
    backstay classify ConnectionResetError 503 ECONNREFUSED -- -32005 UNAVAILABLE
    """
    from backstay.cli.meaning import meanings, rows, to_data
    from backstay_core.failure import ConfigurationError

    try:
        found = [(asked, why, failure) for asked in what for why, failure in meanings(asked)]
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        import json

        click.echo(json.dumps([{"asked": asked, **to_data(why, failure)} for asked, why, failure in found], indent=2))
        return 0
    for i, (_, why, failure) in enumerate(found):
        click.echo(("\n" if i else "") + click.style(why, bold=True))
        for question, answer, meaning in rows(failure):
            click.echo(f"  {question:<9} {answer:<20} {meaning}".rstrip())
    return 0
