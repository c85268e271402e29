"""What a decorated function is to a type checker. At run time it is a plain function with two attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from backstay.policy import Policy
from backstay_core.failure import Failure

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")
H = TypeVar("H", bound=Callable[..., Any])


class FallbackDecorator(Protocol[P, R]):
    """``@guarded.fallback`` or ``@guarded.fallback(on=…)``."""

    @overload
    def __call__(self, handler: Callable[Concatenate[Failure, P], R], /) -> Callable[Concatenate[Failure, P], R]: ...
    @overload
    def __call__(self, *, on: Any) -> Callable[[H], H]: ...


class Guarded(Protocol[P, R]):
    """A guarded function or method."""

    __name__: str
    __wrapped__: Callable[P, R]
    policy: Policy

    @property
    def fallback(self) -> FallbackDecorator[P, R]: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    #  The second is a method of an instance. Where a checker cannot say what is bound (class methods, static methods,
    #  access through the class), the parameters are not checked.
    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Guarded[..., R]: ...
    @overload
    def __get__(self: Guarded[Concatenate[S, Q], R], instance: S, owner: type | None = None) -> Callable[Q, R]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R]: ...
