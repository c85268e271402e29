"""The `backstay` command: parsing with click, writing with rich. Each command loads what it needs when it runs."""

from __future__ import annotations

import os
import sys

import click

from backstay.cli.classify import classify
from backstay.cli.completion import completion
from backstay.cli.demo import demo
from backstay.cli.doctor import doctor
from backstay.cli.env import env
from backstay.cli.files import init, validate
from backstay.cli.policy import policy
from backstay.cli.version import version
from backstay.cli.wasm import wasm
from backstay_core import __version__
from backstay_core.failure import ConfigurationError
from backstay_core.printable import printable

BROKEN_PIPE = 141  # what a shell shows for a program that SIGPIPE ended
INTERRUPTED = 130
FAILED = 1

EPILOG = """\b
Exit codes:
    0  done, and what was promised was kept
    1  a promise was broken, or the command could not do its work
    2  the command line makes no sense
  130  interrupted
  141  whoever read the output closed it
"""


class Interrupted(click.ClickException):
    """SIGINT, in one line: click itself would add an empty one."""

    exit_code = INTERRUPTED

    def __init__(self) -> None:
        super().__init__("interrupted")


class Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


@click.group(
    cls=Commands,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="backstay %(version)s")
@click.pass_context
def backstay(context: click.Context) -> None:
    """Backstay puts circuit breakers, retries, timeouts, fallbacks and bulkheads around the calls you make.

    To see it at work, run `backstay demo`. To use it, write `from backstay import Policy`; the project's README shows
    how.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (classify, completion, demo, doctor, env, init, policy, validate, version, wasm):
    backstay.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing but errors in Backstay itself is raised."""
    try:
        code = backstay.main(arguments, prog_name="backstay", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # click turns a closed pipe into SystemExit
        _discard_output()
        return BROKEN_PIPE
    except (ConfigurationError, OSError) as error:
        return _say(str(error), FAILED)
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    """One line on stderr."""
    try:
        click.echo(f"backstay: {printable(' '.join(message.split()))}", err=True)
    except OSError:
        pass  # nobody reads it
    return code


def _discard_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains about it as it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            try:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
            except (AttributeError, OSError, ValueError):
                pass
