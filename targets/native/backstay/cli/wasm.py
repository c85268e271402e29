"""`backstay wasm`: the engine as a WASM component. The work is done by `backstay_wasm`, which stands on this package
and is therefore looked up by name."""

from __future__ import annotations

from importlib import import_module

import click


@click.group()
def wasm() -> None:
    """Work with the engine as a WASM component."""


@wasm.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default="build/backstay-engine.wasm",
    show_default=True,
    help="Where to write the component.",
)
@click.option("--debug", is_flag=True, help="Build with WASI, so that the guest's tracebacks are shown.")
def build(out: str, debug: bool) -> None:
    """Build the component. Needs a checkout and componentize-py; takes some 10 s, and no network."""
    from pathlib import Path

    try:
        builder = import_module("backstay_wasm.build")
    except ImportError as error:
        raise click.ClickException(f"{error}; install it with: pip install 'backstay[wasm]'") from None
    try:
        path = builder.build(Path(out), debug)
    except builder.BuildError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
