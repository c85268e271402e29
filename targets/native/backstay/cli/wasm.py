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
    help="Where to write the component  [default: build/backstay-engine.wasm, or backstay-http.wasm there].",
)
@click.option("--debug", is_flag=True, help="Build with WASI, so that the guest's tracebacks are shown.")
@click.option("--http", is_flag=True, help="Build the middleware for wasi:http instead; npm fetches its WIT files.")
def build(out: str | None, debug: bool, http: bool) -> None:
    """Build the component. Needs a checkout and componentize-py; takes some 10 s, and no network."""
    from pathlib import Path

    if debug and http:
        raise click.UsageError("--http has no --debug: it imports WASI, and logs to standard error")
    try:
        builder = import_module("backstay_wasm.build")
    except ImportError as error:
        raise click.ClickException(f"{error}; install it with: pip install 'backstay[wasm]'") from None
    try:
        if http:
            path = builder.build_http(Path(out or "build/backstay-http.wasm"))
        else:
            path = builder.build(Path(out or "build/backstay-engine.wasm"), debug)
    except builder.BuildError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
