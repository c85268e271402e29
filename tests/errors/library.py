"""Exceptions with the names and attributes of other libraries' ones, which need not be installed."""

import errno
from typing import Any

PUSHBACK = "grpc-retry-pushback-ms"


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


class RpcError(Exception):
    """As grpc's: code() and trailing_metadata() are methods."""

    def __init__(self, name: str, *trailing: tuple[str, Any]) -> None:
        super().__init__(name)
        self._name = name
        self._trailing = trailing

    def code(self) -> Any:
        return WithAttributes(name=self._name, value=(14, "unavailable"))

    def trailing_metadata(self) -> Any:
        return self._trailing


def os_error(name: str) -> OSError:
    return OSError(getattr(errno, name), name)
