"""The component itself: what it imports, that it is deterministic, that it does not grow; and the cache around it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from backstay_wasm import Engine, IncompatibleComponent, Limits
from backstay_wasm import build as building
from backstay_wasm.cache import Cache
from backstay_wasm.instance import Compiled
from backstay_wasm.ticker import Ticker, ticks

BREAKER = {"kind": "circuit_breaker", "window_calls": 2, "minimum_calls": 2, "open_jitter": 1.0}
DOCUMENT = {"policies": [{"name": "p", "strategies": [{"kind": "retry", "idempotent": True}, BREAKER]}]}


@pytest.fixture(scope="module")
def compiled(component: Path, cache: Cache) -> Compiled:
    return Compiled(component, store=cache)


def test_it_imports_nothing_and_exports_the_contract(compiled: Compiled):
    kind = compiled.component.type
    assert list(kind.imports(compiled.compiler)) == []
    names = ("types", "configuration", "calls", "state", "operation")
    assert set(kind.exports(compiled.compiler)) == {
        "exports",  # the hook of the build
        *(f"backstay:reliability/{name}@0.1.0" for name in names),
    }


def test_the_shipped_file_does_not_know_where_it_was_built(component: Path):
    content = component.read_bytes()
    for place in {str(Path.home()), str(Path(building.__file__).parents[3])} - {"/", "/root"}:
        assert place.encode() not in content


def play(engine: Engine) -> list[Any]:
    decisions: list[Any] = []
    now = 0
    for _ in range(6):
        decision = engine.begin("p", now)
        while not decision.over:
            decisions.append(decision)
            if decision.action == "wait":
                now = decision.time
                decision = engine.step(decision.call, "wake", now=now)
            else:
                now += 1_000_000
                decision = engine.step(decision.call, "error", decision.token, now=now, detail="timeout")
        decisions.append(decision)
        now += 10**12
    return [*decisions, engine.snapshot(now)]


def test_seeds_decide_and_nothing_else(engine_of: Callable[..., Engine]):
    one, same, other = (play(engine_of(DOCUMENT, seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert play(engine_of(DOCUMENT, seed=None)) != play(engine_of(DOCUMENT, seed=None))


def traffic(engine: Engine, calls: int) -> None:
    now = 0
    for number in range(calls):
        now += 1_000_000
        decision = engine.begin("p", now)
        if decision.action == "attempt":
            event, detail = ("error", "connect") if number % 7 == 0 else ("ok", None)
            decision = engine.step(decision.call, event, decision.token, now=now, detail=detail)
        engine.close(decision.call, now)


def grown(engine: Engine, calls: int) -> None:
    """The limit leaves a few megabytes above what an instance begins with, and there is no replacement."""
    traffic(engine, calls)
    assert engine.report(0)["begun"] == calls
    assert engine.replacements == 0


def test_ten_thousand_calls_under_a_tight_limit(engine_of: Callable[..., Engine]):
    grown(engine_of(DOCUMENT, limits=Limits(memory=17 << 20)), 10_000)


@pytest.mark.slow
@pytest.mark.timeout(6000)
def test_a_million_calls_under_a_tight_limit(engine_of: Callable[..., Engine]):
    grown(engine_of(DOCUMENT, limits=Limits(memory=17 << 20)), 1_000_000)


# -- the cache


def test_what_was_compiled_is_found_again(component: Path, cache: Cache):
    Compiled(component, store=cache)
    assert Compiled(component, store=cache).cached
    assert stat.S_IMODE(cache.place.stat().st_mode) == 0o700
    for file in cache.place.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.fixture
def small(tmp_path: Path) -> tuple[Cache, Path]:
    """A cache with one entry."""
    store = Cache(tmp_path / "cache")
    path = store.put("name", b"compiled")
    assert path is not None
    assert store.find("name") == path
    return store, path


def damage(path: Path) -> None:
    path.write_bytes(b"c0mpiled")


def truncate(path: Path) -> None:
    path.write_bytes(b"comp")


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def replace_by_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def forget_the_checksum(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def spoil_the_checksum(path: Path) -> None:
    path.with_suffix(".sha256").write_bytes(b"\xff\xfe")


def open_the_directory(path: Path) -> None:
    path.parent.chmod(0o777)


ATTACKS = (
    *(damage, truncate, open_to_others, replace_by_a_link),
    *(forget_the_checksum, spoil_the_checksum, open_the_directory),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_doubtful_comes_out_of_the_cache(small: tuple[Cache, Path], attack: Callable[[Path], None]):
    store, path = small
    attack(path)
    assert store.find("name") is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_nothing_of_somebody_else_comes_out_of_the_cache(small: tuple[Cache, Path]):
    store, path = small
    os.chown(path, 12345, -1)
    assert store.find("name") is None


def test_a_whole_file_of_another_make_is_compiled_anew(tmp_path: Path, monkeypatch: Any):
    path = tmp_path / "empty.wasm"
    path.write_bytes(wat2wasm("(component)"))
    store = Cache(tmp_path / "cache")
    put: list[str] = []
    monkeypatch.setattr(store, "find", lambda name: path)  # no compiled code at all
    monkeypatch.setattr(store, "put", lambda name, data: put.append(name))
    with pytest.raises(IncompatibleComponent, match="it lacks"):
        Compiled(path, store=store)
    assert len(put) == 1


def test_a_place_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    store = Cache(tmp_path / "file" / "cache")
    assert store.put("name", b"compiled") is None
    assert store.find("name") is None


def test_many_at_once(tmp_path: Path):
    store = Cache(tmp_path / "cache")
    data = os.urandom(200_000)
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(20):
            store.put("name", data)
            found = store.find("name")
            if found is not None and found.read_bytes() != data:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.find("name") is not None
    assert sorted(path.suffix for path in store.place.iterdir()) == [".cwasm", ".sha256"]


# -- the rest


def test_a_ticker_sleeps_and_wakes():
    ticked = threading.Event()
    ticker = Ticker(ticked.set)
    for _ in range(2):
        ticker.note()
        assert ticked.wait(60)
        ticked.clear()
        ticker._rouse()
        assert not ticker.sleeping
    assert (ticks(0.0001), ticks(0.01), ticks(1.0)) == (2, 2, 101)


def test_the_command_line_of_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    def version(name: str) -> str:
        return "0.0.1"

    monkeypatch.setattr(building, "version", version)
    assert building.main([str(tmp_path / "x.wasm")]) == 1
    assert "componentize-py 0.25.1 is needed, 0.0.1 is installed" in capsys.readouterr().err


def test_the_core_alone_is_in_the_component():
    """The guest imports the core and what the build gives it, and nothing of the host's side."""
    script = (
        "import sys; import backstay_core.engine_state, json;"
        "print(json.dumps(sorted(m for m in sys.modules if m.startswith('backstay'))))"
    )
    found = json.loads(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    )
    assert all(name.split(".")[0] == "backstay_core" for name in found)
