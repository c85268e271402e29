"""`backstay init` and `backstay validate`, and how commands read a configuration file."""

from __future__ import annotations

import os
import shutil

import click

from backstay_core.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.configuration import Configuration, Examined

FILE = "backstay.toml"
INVALID = 1

file_argument = click.argument("file", type=click.Path(), default=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class Unusable(click.ClickException):
    """A file that cannot be used; the problems have been printed."""

    exit_code = INVALID


def looked_at(file: str) -> Examined:
    """What is to be said of a file. That it cannot be read is its only problem then."""
    from backstay.configuration import Examined, examine
    from backstay_core.failure import ConfigurationError

    try:
        return examine(file)
    except ConfigurationError as error:
        return Examined((error,), (), None)


def made(examined: Examined) -> Configuration:
    """The configuration in a file, with stand-ins for the names that code would bind. The file is not read again: it
    may have been replaced."""
    from backstay.configuration import from_data

    return from_data(examined.data, bind={name: stand_in(name) for name in examined.needed})


def running(file: str) -> Configuration:
    """The configuration in a file. Raises `Unusable`."""
    examined = looked_at(file)
    if examined.problems:
        others = len(examined.problems) - 1
        raise Unusable(str(examined.problems[0]) + (f" (and {others} more: backstay validate)" if others else ""))
    return made(examined)


def stand_in(name: str) -> Any:
    """A function with the name that the file has for it."""

    def named(*_: object) -> None:
        """Stands for what the program binds."""

    named.__name__ = named.__qualname__ = name
    return named


@click.command(short_help="Write a commented configuration file.")
@file_argument
@click.option("--name", default="example", show_default=True, help="The name of the policy in it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def init(file: str, name: str, force: bool, as_json: bool) -> int:
    """Write FILE (backstay.toml): one policy to begin with, and every option with its default and meaning as a
    comment."""
    from backstay.strategies import ALL
    from backstay_core.config.template import template

    if not name:
        raise click.UsageError("the name of a policy must not be empty")
    if file.lower().endswith(".json"):
        raise click.UsageError(f"what init writes is TOML, and {file} would be read as JSON")
    text = template(name, file=os.path.basename(file), strategies={cls.KIND: cls for cls in ALL})
    try:
        put(file, text.encode("utf-8"), force)
    except UnicodeEncodeError:
        raise click.UsageError("the names of the file and of the policy must be Unicode text") from None
    except FileExistsError:
        raise Unusable(f"{file} is there already; --force writes over it") from None
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}") from None
    if as_json:
        import json

        click.echo(json.dumps({"wrote": file, "policies": [name]}, indent=2))
    else:
        click.echo(printable(f"wrote {file}; next: backstay validate {file}"))
    return 0


def put(file: str, data: bytes, force: bool) -> None:
    """Write all of a file or nothing: where the disk is full, what was there stays. Raises `OSError`."""
    there = force and os.path.isfile(file)
    path = os.path.realpath(file) + ".new" if there else file
    with open(path, "wb" if force else "xb") as stream:
        try:
            stream.write(data)
            stream.flush()
            if there:
                shutil.copymode(file, path)
                os.replace(path, os.path.realpath(file))
        except BaseException:
            if os.path.isfile(path):
                os.unlink(path)
            raise


@click.command(short_help="Check a configuration file.")
@file_argument
@json_option
def validate(file: str, as_json: bool) -> int:
    """Check FILE: everything that is wrong in it, with line, path and the nearest valid name; and what is risky in its
    policies (see `backstay policy lint`).

    The exit code is 1 if the file cannot be used. Advice does not make it so.
    """
    from backstay_core.advice.lint import lint

    examined = looked_at(file)
    problems, needed = [str(problem) for problem in examined.problems], examined.needed
    policies = {} if problems else made(examined).policies
    found = {name: [finding.to_data() for finding in lint(policy.options())] for name, policy in policies.items()}
    if as_json:
        import json

        click.echo(json.dumps({"file": file, "problems": problems, "bind": list(needed), "advice": found}, indent=2))
        return INVALID if problems else 0
    for problem in problems:
        click.echo(printable(problem))
    if not problems:
        click.echo(f"{printable(file)}: good; {len(policies)} {'policy' if len(policies) == 1 else 'policies'}")
        if needed:
            click.echo(f"to be bound in code: {', '.join(map(printable, needed))}")
        for name, findings in found.items():
            for finding in findings:
                place = f"{printable(name)}, strategy {finding['position']}"
                click.echo(f"advice {finding['rule']}: {place}: {finding['text']}")
    return INVALID if problems else 0
