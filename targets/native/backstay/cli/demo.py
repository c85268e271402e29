"""`backstay demo`."""

from __future__ import annotations

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.demo.component import Comparison
    from backstay.demo.outcome import Run
    from backstay.demo.scenario import Scenario


@click.command(short_help="Guard real HTTP calls to an upstream that fails in four ways.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="N",
    default=1,
    show_default=True,
    help="Which run: the same seed gives the same arrivals and the same fate to every request.",
)
@click.option("--quick", is_flag=True, help="Six times as fast: 5 seconds instead of 28.")
@click.option("--virtual", is_flag=True, help="In virtual time, without sockets: exactly reproducible, done at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON (docs/demo.md describes them).")
def demo(seed: int, quick: bool, virtual: bool, as_json: bool) -> int:
    """Start a real HTTP upstream on loopback, let it fail, and send it the same load twice: unprotected, and through a
    policy.

    The upstream is healthy, slow, answers 60 % with errors, is down, hangs, and is healthy again. The table shows, for
    each phase, how many answers were of use (those of the fallback apart), how long callers waited, and how many calls
    reached the upstream.

    What the policy promises is checked below the table: in every phase at least as many useful answers as without it,
    hardly more calls, and a quick recovery. On a machine too busy for that it says so and judges nothing.

    Where the WASM component is installed, the same load is decided once more inside it, in virtual time, and compared.
    """
    from backstay.demo.component import compare
    from backstay.demo.report import exit_code
    from backstay.demo.scenario import FULL, QUICK

    scenario = QUICK if quick else FULL
    run = _run(scenario, seed, virtual)
    compared = compare(scenario, seed)
    _print(run, compared, as_json)
    return exit_code(run, compared)


def _run(scenario: Scenario, seed: int, virtual: bool) -> Run:
    if virtual:
        from backstay.demo import virtual as in_virtual_time

        return in_virtual_time.run(scenario, seed)

    import asyncio

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from backstay.demo import live
    from backstay_core.clock import SECOND

    console = Console(stderr=True)
    if not console.is_terminal:
        return asyncio.run(live.run(scenario, seed))
    end = (scenario.starts[-1] + scenario.patience) / SECOND
    columns = (TextColumn("{task.description:>9}"), BarColumn(None), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=end)

        def show(seconds: float) -> None:
            phase = scenario.phases[scenario.phase_at(int(seconds * SECOND))]
            bar.update(task, completed=seconds, description=phase.name, refresh=True)

        return asyncio.run(live.run(scenario, seed, show))


def _print(run: Run, compared: Comparison | None, as_json: bool) -> None:
    from backstay.demo import report

    if as_json:
        import json

        data = report.to_data(run) | {"component": report.component_data(compared)}
        click.echo(json.dumps(data, indent=2))
        return

    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(_table(run))
    else:
        click.echo(report.plain_table(run) + "\n")
    click.echo("\n".join([*report.summary(run), *report.component_lines(compared)]))


def _table(run: Run) -> object:
    from rich import box
    from rich.table import Table

    from backstay.demo import report

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for above, below in report.COLUMNS:
        first = below == "phase"
        style = "bold" if first else "green" if below == "with" else None
        table.add_column(f"{above}\n{below}", justify="left" if first else "right", style=style, no_wrap=True)
    for row in report.rows(run):
        table.add_row(*row)
    return table
