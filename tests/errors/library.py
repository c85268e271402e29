"""Exceptions with the names and attributes of other libraries' ones, which need not be installed."""

from typing import Any


def library_error(name: str, *bases: type[BaseException], **members: Any) -> Any:
    """A class that goes by the qualified name `name`."""
    module, _, cls = name.rpartition(".")
    return type(cls, bases or (Exception,), {"__module__": module, **members})


class Response:
    def __init__(self, status_code: int, headers: Any = None) -> None:
        self.status_code = status_code
        self.headers = headers or {}


class WithAttributes(Exception):
    """An exception with what it is given as attributes."""

    def __init__(self, text: str = "", **attributes: Any) -> None:
        super().__init__(text)
        self.__dict__.update(attributes)
