"""`backstay env`."""

from __future__ import annotations

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.environments import RuntimeEnvironmentAdapter

INTERVAL = 1.0  # s


@click.command(short_help="Say where this program runs, and how it can be told.")
@click.option("--json", "as_json", is_flag=True, help="Print {primary, layers, capabilities} as JSON.")
@click.option("--explain", is_flag=True, help="Show also what was ruled out, what differs, and every reading.")
@click.option("--matrix", is_flag=True, help="Show what each environment can do.")
@click.option("--rules", is_flag=True, help="Show which defaults of strategies an environment changes.")
@click.option("--watch", is_flag=True, help="Show what is used, every second, until interrupted.")
@click.option("--times", type=click.IntRange(1), help="With --watch: stop after so many lines.")
@click.option("--environment", help="Take this for the primary environment.")
@click.option("--root", type=click.Path(file_okay=False, exists=True), help="Read files under this one, not under /.")
@click.option("--capture", type=click.Path(dir_okay=False), help="Answer from a recording instead of this system.")
def env(
    as_json: bool,
    explain: bool,
    matrix: bool,
    rules: bool,
    watch: bool,
    times: int | None,
    environment: str | None,
    root: str | None,
    capture: str | None,
) -> int:
    """Say in which runtime environment this program runs: all layers, the innermost first, and the evidence for each.

    The environment variable BACKSTAY_ENVIRONMENT, or --environment, names the primary one where it cannot be told.
    """
    from backstay.cli import environment as show
    from backstay_core.failure import ConfigurationError

    if matrix:
        click.echo(show.matrix_json() if as_json else show.matrix())
        return 0
    if rules:
        click.echo(show.rules_json() if as_json else show.rules())
        return 0
    probe = show.probe(root, capture)
    try:
        found, adapter = show.look(probe, environment)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    if watch:
        _watch(adapter, as_json, times)
        return 0
    data = show.report(found, adapter, explain)
    if as_json:
        import json

        click.echo(json.dumps(data, indent=2))
    else:
        click.echo("\n".join(show.lines(data)))
    return 0


def _watch(adapter: RuntimeEnvironmentAdapter, as_json: bool, times: int | None) -> None:
    import json
    import time

    from backstay.cli import environment as show

    adapter.initialize()
    try:
        count = 0
        while True:
            time.sleep(INTERVAL)
            usage = adapter.get_resource_usage()
            click.echo(json.dumps(usage.to_data()) if as_json else show.usage_line(usage))
            count += 1
            if count == times:
                return
    finally:
        adapter.cleanup()
