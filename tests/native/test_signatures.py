"""Functions of every shape: what a frame takes, and hands on, is what the function takes."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import itertools
import pickle
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest

from backstay import Bulkhead, CircuitBreaker, Fallback, Policy, Retry, Timeout

NOTHING = object()


def only_positional(a: Any, b: Any = NOTHING, /) -> Any:
    return a, b


def every_kind(a: Any, b: Any = NOTHING, /, c: Any = 3, *rest: Any, d: Any, e: Any = NOTHING, **more: Any) -> Any:
    return a, b, c, rest, d, e, more


def only_keywords(*, d: Any, e: Any = NOTHING) -> Any:
    return d, e


def optional_before_required(*, e: Any = NOTHING, d: Any) -> Any:
    return d, e


def whatever(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def names_of_ours(_bs_f: Any, _bs_r: Any = 2, *_bs_args: Any, _bs_P: Any = 4, **_bs_kwargs: Any) -> Any:
    return _bs_f, _bs_r, _bs_args, _bs_P, _bs_kwargs


def names_of_python(type: Any, frame: Any, self: Any = 3, *, len: Any = 4, Exception: Any = 5) -> Any:
    return type, frame, self, len, Exception


def other_letters(größe: Any, 名: Any = 2, *, ﬁ: Any = 3) -> Any:  # the last is normalised to "fi"
    return größe, 名, ﬁ


class Shop:
    def method(self, item: Any, *, _Shop__price: Any = NOTHING, __hidden: Any = 2) -> Any:
        return item, _Shop__price


#  function → calls of it
CALLS: list[tuple[Callable[..., Any], list[tuple[tuple[Any, ...], dict[str, Any]]]]] = [
    (lambda: "nothing", [((), {})]),
    (only_positional, [((1,), {}), ((1, 2), {})]),
    (
        every_kind,
        [
            ((1,), {"d": 4}),
            ((1, 2, 3, 4, 5), {"d": 4, "e": 5}),
            ((1, 2), {"c": 3, "d": 4, "a": "another a", "_bs_f": 6, "f": 7}),
        ],
    ),
    (only_keywords, [((), {"d": 1}), ((), {"e": 2, "d": 1})]),
    (optional_before_required, [((), {"d": 1})]),
    (whatever, [((), {}), ((1, 2), {"self": 3, "policy": 4, "function": 5, "_bs_f": 6})]),
    (names_of_ours, [((1,), {}), ((1, 2, 3), {"_bs_P": 5, "_bs_L0": 6})]),
    (names_of_python, [((1, 2), {}), ((1,), {"frame": 2, "len": 3, "Exception": 4})]),
    (other_letters, [((1,), {}), ((), {"größe": 1, "名": 2, "fi": 3})]),
    (functools.partial(every_kind, 1, d=4), [((2,), {}), ((), {"e": 5})]),
    (max, [((1, 2), {}), (([],), {"default": 3})]),
    (complex, [((1, 2), {}), ((), {"real": 1})]),
]

STRATEGIES: dict[str, tuple[Any, ...]] = {
    "none": (),
    "breaker": (CircuitBreaker(),),
    "all": (Fallback(None, on=LookupError), Timeout(5), Retry(), CircuitBreaker(), Bulkhead(5), Timeout(1)),
}


def name_of(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


@pytest.mark.parametrize("strategies", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize(("function", "calls"), CALLS, ids=[name_of(row[0]) for row in CALLS])
def test_arguments_come_as_they_were_given(
    policies: type[Policy], strategies: tuple[Any, ...], function: Callable[..., Any], calls: Any
):
    policy = policies("p", *strategies)
    guarded = policy(function)
    for _ in range(2):  # the first call compiles
        for args, kwargs in calls:
            assert guarded(*args, **kwargs) == function(*args, **kwargs) == policy.call(function, *args, **kwargs)


def coroutine_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with ``async`` before it."""
    source = textwrap.dedent(inspect.getsource(function))
    scope = dict(globals())
    exec(f"async {source}", scope)
    made: Callable[..., Any] = scope[function.__name__]
    return made


OWN = [row for row in CALLS if inspect.isfunction(row[0]) and row[0].__name__ != "<lambda>"]


@pytest.mark.parametrize(("function", "calls"), OWN, ids=[name_of(row[0]) for row in OWN])
def test_arguments_of_coroutine_functions_too(policies: type[Policy], function: Callable[..., Any], calls: Any):
    later = coroutine_function(function)
    assert inspect.iscoroutinefunction(later)
    guarded = policies("p", *STRATEGIES["all"])(later)
    for args, kwargs in calls:
        assert asyncio.run(guarded(*args, **kwargs)) == function(*args, **kwargs)


WRONG: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (only_positional, (), {"a": 1}),
    (only_positional, (1, 2, 3), {}),
    (every_kind, (1,), {}),
    (only_keywords, (1,), {}),
    (only_keywords, (), {"d": 1, "f": 2}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), WRONG, ids=itertools.count())
def test_wrong_arguments_are_refused_as_the_function_refuses_them(
    policies: type[Policy], function: Any, args: Any, kwargs: Any
):
    """A mistake in the program is no failure of the dependency: it is not retried, answered or counted."""
    policy = policies("p", Retry(3, on=ConnectionError), CircuitBreaker.consecutive(1, on=ConnectionError))
    guarded = policy(function)
    with pytest.raises(TypeError):
        guarded(*args, **kwargs)
    assert policy[CircuitBreaker].state == "closed"


def test_defaults_are_the_objects_themselves(policies: type[Policy]):
    made: list[Any] = []

    @policies("p", Retry())
    def collect(item: Any, into: list[Any] = made, *, mark: Any = NOTHING) -> Any:
        into.append(item)
        return mark

    assert collect(1) is NOTHING
    assert collect(2) is NOTHING
    assert made == [1, 2]
    assert inspect.signature(collect).parameters["into"].default is made


def test_names_that_python_mangles(policies: type[Policy]):
    """In a class ``__hidden`` is the parameter ``_Shop__hidden``."""
    guarded: Any = policies("p", Retry())(Shop.method)
    assert guarded(Shop(), 1) == (1, NOTHING)
    assert guarded(Shop(), 1, _Shop__price=2, _Shop__hidden=3) == (1, 2)


def test_names_that_no_source_can_contain(policies: type[Policy]):
    """Of a function made by a program: its parameters are passed on as they come."""
    code = only_positional.__code__
    odd = only_positional.__code__.replace(co_varnames=("not a name", "b"), co_posonlyargcount=0)
    made: Any = FunctionType(odd, globals(), "made")
    assert code.co_varnames == ("a", "b")
    assert policies("p", Retry())(made)(1, 2) == (1, 2)


@pytest.mark.parametrize("name", ["class", "None", "lambda"])
def test_names_that_are_words_of_the_language(policies: type[Policy], name: str):
    """Of a function whose source was no text."""
    odd = only_positional.__code__.replace(co_varnames=(name, "b"), co_posonlyargcount=0)
    made: Any = FunctionType(odd, globals(), "made")
    assert policies("p", Retry())(made)(1, b=2) == (1, 2)


class Everything:
    """Answers for every attribute, as `xmlrpc.client` makes methods of a server."""

    def __getattr__(self, name: str) -> Any:
        return Everything()

    def __call__(self, *args: object) -> Any:
        return args


def test_a_callable_that_has_every_attribute(policies: type[Policy]):
    proxy: Any = Everything()
    assert policies("p", Retry()).call(proxy, 1) == (1,)
    guarded: Any = policies("p", Retry())(proxy)
    assert guarded(1) == (1,)
    assert isinstance(guarded.__name__, str)
    single: Any = Retry(2)(proxy)
    assert single(1) == (1,)
    assert single.policy.name == "Everything"


def test_hundreds_of_parameters(policies: type[Policy]):
    names = [f"parameter_{i}" for i in range(300)]
    scope: dict[str, Any] = {}
    exec(f"def wide({', '.join(names)}): return [{', '.join(names)}]", scope)
    assert policies("p", Retry(), CircuitBreaker())(scope["wide"])(*range(300)) == list(range(300))


@pytest.mark.parametrize("depth", [1, 3])
def test_recursion_through_a_policy(policies: type[Policy], depth: int):
    """Each level is a call of its own: it takes a place, and its failure is one more for the levels around it."""
    policy = policies("p", CircuitBreaker(0.5, 100, minimum_calls=100), Bulkhead(3))

    @policy
    def down(levels: int) -> int:
        return levels if levels <= 1 else down(levels - 1) + 1

    assert down(depth) == depth
    with pytest.raises(Exception, match="bulkhead full"):
        down(4)
    assert down(3) == 3  # nothing is held


def test_recursion_multiplies_attempts(policies: type[Policy]):
    """Retries inside retries: documented, and the reason for budgets."""
    made: list[int] = []
    policy = policies("p", Retry(2, base=0, on=ConnectionError))

    @policy
    def down(levels: int) -> int:
        made.append(levels)
        if levels == 1:
            raise ConnectionError
        return down(levels - 1)

    with pytest.raises(ConnectionError):
        down(3)
    assert made == [3, 2, 1, 1, 2, 1, 1, 3, 2, 1, 1, 2, 1, 1]


EVERYWHERE = Policy("everywhere", Retry(), CircuitBreaker())


@EVERYWHERE
def sold(item: str) -> str:
    return item


@EVERYWHERE
async def sold_later(item: str) -> str:
    return item


@EVERYWHERE
def sold_one_by_one(*items: str) -> Iterator[str]:
    yield from items


@pytest.mark.parametrize("guarded", [sold, sold_later, sold_one_by_one], ids=name_of)
def test_guarded_functions_pickle_by_name(guarded: Any):
    for _ in range(2):
        assert pickle.loads(pickle.dumps(guarded)) is guarded
        assert copy.deepcopy(guarded) is guarded
        made = guarded("a")  # compiles
        if inspect.iscoroutine(made):
            assert asyncio.run(made) == "a"
