"""Configuration from files: ``backstay.load("backstay.toml")``.

`load` gives a running `Configuration`, `examine` says what is wrong with a file without running anything. Whatever is
wrong is one `ConfigurationError` with all problems: each has its file and line, or the environment variable, its path,
and the nearest valid name.
"""

from __future__ import annotations

import os

from backstay.configuration.changes import Report
from backstay.configuration.documents import Located, parse
from backstay.configuration.files import read
from backstay.configuration.live import Configuration
from backstay.policy import Policy
from backstay_core.config.loading import Checked
from backstay_core.config.problem import DocumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Configuration", "Examined", "Located", "Report", "examine", "from_data", "load"]

FILE = "backstay.toml"


def load(
    path: Any = FILE, bind: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None
) -> Configuration:
    """The configuration in a file: TOML, or JSON if its name ends in ``.json``.

    `bind` gives what names in the file stand for: exception classes, predicates, functions that make a fallback.
    Variables of `environ` (that of the process) that begin with ``BACKSTAY__`` override the file. Raises one
    `ConfigurationError` with all problems.
    """
    configuration = Configuration(path, bind, environ)
    configuration.reload()
    return configuration


def from_data(
    data: Any, bind: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None
) -> Configuration:
    """The configuration in a document that is plain data already."""
    configuration = Configuration(None, bind, {} if environ is None else environ)
    configuration.apply(data)
    return configuration


class Examined:
    """What is to be said of a file: its `problems`, the names that code must bind (`needed`), its `data`."""

    def __init__(self, problems: tuple[Any, ...], needed: tuple[str, ...], data: Any) -> None:
        self.problems = problems
        self.needed = needed
        self.data = data


def examine(
    path: Any = FILE, bind: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None
) -> Examined:
    """Check a file without making anything of it. Without `bind`, names that are not built in may be bound later.

    Raises `ConfigurationError` for what cannot be read or parsed at all.
    """
    document = parse(read(path))
    problems = document.apply(os.environ if environ is None else environ)
    checked = Checked(document.data, bind, Policy.STRATEGIES)
    problems = [*problems, *checked.problems]
    if not problems:
        return Examined((), checked.needed, document.data)
    error: DocumentError = document.error(problems)
    return Examined(error.problems, checked.needed, document.data)
