"""`backstay init` and `backstay validate`, and how commands read a configuration file."""

from __future__ import annotations

import os

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.configuration import Configuration

FILE = "backstay.toml"
INVALID = 1

file_argument = click.argument("file", type=click.Path(), default=FILE)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


class Unusable(click.ClickException):
    """A file that cannot be used; the problems have been printed."""

    exit_code = INVALID


def problems_of(file: str) -> tuple[list[str], tuple[str, ...]]:
    """What is wrong with a file, a line each, and the names in it that code must bind."""
    from backstay.configuration import examine
    from backstay_core.failure import ConfigurationError

    try:
        examined = examine(file)
    except ConfigurationError as error:
        return [str(error)], ()
    return [str(problem) for problem in examined.problems], examined.needed


def running(file: str) -> Configuration:
    """The configuration in a file, with stand-ins for the names that code would bind. Raises `Unusable`."""
    from backstay.configuration import load

    problems, needed = problems_of(file)
    if problems:
        more = f" (and {len(problems) - 1} more: backstay validate)" if len(problems) > 1 else ""
        raise Unusable(problems[0] + more)
    return load(file, bind={name: stand_in(name) for name in needed})


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

    text = template(name, file=os.path.basename(file), strategies={cls.KIND: cls for cls in ALL})
    try:
        with open(file, "w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Unusable(f"{file} is there already; --force writes over it") from None
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}") from None
    if as_json:
        import json

        click.echo(json.dumps({"wrote": file, "policies": [name]}, indent=2))
    else:
        click.echo(f"wrote {file}; next: backstay validate {file}")
    return 0


@click.command(short_help="Check a configuration file.")
@file_argument
@json_option
def validate(file: str, as_json: bool) -> int:
    """Check FILE: everything that is wrong in it, with line, path and the nearest valid name; and what is risky in its
    policies (see `backstay policy lint`).

    The exit code is 1 if the file cannot be used. Advice does not make it so.
    """
    from backstay_core.advice.lint import lint

    problems, needed = problems_of(file)
    policies = {} if problems else running(file).policies
    found = {name: [finding.to_data() for finding in lint(policy.options())] for name, policy in policies.items()}
    if as_json:
        import json

        click.echo(json.dumps({"file": file, "problems": problems, "bind": list(needed), "advice": found}, indent=2))
        return INVALID if problems else 0
    for problem in problems:
        click.echo(problem)
    if not problems:
        click.echo(f"{file}: good; {len(policies)} {'policy' if len(policies) == 1 else 'policies'}")
        if needed:
            click.echo(f"to be bound in code: {', '.join(needed)}")
        for name, findings in found.items():
            for finding in findings:
                click.echo(f"advice {finding['rule']}: {name}, strategy {finding['position']}: {finding['text']}")
    return INVALID if problems else 0
