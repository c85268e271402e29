"""By what a Cache or an Idempotency knows a call (rules KE6, KE7 and KE9 in `backstay.keeping`)."""

from __future__ import annotations

from contextvars import ContextVar

from backstay.drivers.operation import is_coroutine
from backstay.frames.judging import PolicyBug
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Arguments = tuple[tuple[Any, ...], dict[str, Any]]

LONGEST = 200  # characters of the arguments of a call that are kept as they are
KEY: ContextVar[Any] = ContextVar("backstay_idempotency_key", default=None)


class idempotency_key:
    """``with idempotency_key("order 7"): …``: the key of the calls inside, for an `Idempotency` without a function."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __enter__(self) -> None:
        self._token = KEY.set(self._key)

    def __exit__(self, *_: object) -> None:
        KEY.reset(self._token)


def cache_key(options: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The key of a call in a Cache. Raises what a key function raises."""
    if options.key is not None:
        return function, _key(options.key, args, kwargs)
    return function, (args, tuple(sorted(kwargs.items())) if kwargs else ())


def idempotency_key_of(options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The key of a call in an Idempotency, None without one. Raises what a key function raises."""
    return KEY.get() if options.key is None else _key(options.key, args, kwargs)


def _key(key_function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    key = key_function(*args, **kwargs)
    if is_coroutine(key):  # it has a hash, and no second one is equal to it
        key.close()
        raise ConfigurationError("a key function is not async")
    return key


def mark_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, str]:
    """What must be the same in each call with one key (KE9)."""
    return function_name(function), shown(args, kwargs)


def known_by(
    layer: Any, function: Any, arguments: Arguments, where: str, clock: Callable[[], int]
) -> tuple[Any, Any] | None:
    """The key of a call and its mark; None if nothing is kept (KE6, KE7)."""
    options = layer.options
    if options.EXCLUSIVE:
        try:
            key = idempotency_key_of(options, *arguments)
            if key is None:
                return None
            mark = mark_of(function, *arguments)
        except Exception as error:
            raise PolicyBug(error) from error
        try:
            hash(key)
        except Exception as error:
            raise PolicyBug(ConfigurationError(f"{where}: the key has no hash: {error}")) from error
        return key, mark
    try:
        key = cache_key(options, function, *arguments)
        hash(key)
    except Exception as error:
        layer.tell(clock(), "uncached", error)
        return None
    return key, None


def shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Arguments as text: the same for the same arguments. Of a long one, which would be kept as long as the result, its
    SHA-256."""
    named = [("", value) for value in args] + sorted(kwargs.items())
    silent: Any = object.__repr__
    text = repr([(name, type(value) if type(value).__repr__ is silent else value) for name, value in named])
    if len(text) <= LONGEST:
        return text
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def function_name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
