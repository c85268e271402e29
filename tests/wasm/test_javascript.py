"""The JavaScript package on Node 24: its own tests, its typings, every vector, and state that moves both ways."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstay_core.errors.http import FIELDS, from_http_status
from backstay_core.errors.system import ERRNO
from backstay_wasm import Engine
from backstay_wasm.cache import Cache
from tests.conformance import simulate
from tests.conformance.test_vectors import CURRENT
from tests.portability.vectors import random_vectors
from tests.wasm.javascript import HERE, ROOT, SOURCE, NodeEngine, node
from tests.wasm.test_conformance import differences
from tests.wasm.worlds import NativeEngine

pytestmark = pytest.mark.timeout(1500)  # the first test installs Node and builds
TSC = (
    *(SOURCE / "node_modules" / "typescript" / "bin" / "tsc", "--noEmit", "--strict", "--module", "nodenext"),
    *("--target", "es2022", "--lib", "es2022,dom"),
)


def test_the_pinned_node_runs(js_package: Path):
    assert node("--version").stdout.startswith("v24.")


def test_the_lock_file_names_no_place_to_download_from():
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    assert len(lock["packages"]) > 3
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    wanted = json.loads((SOURCE / "package.json").read_text("utf-8"))["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), "pins are exact"


def test_the_package_holds_what_users_need_and_no_more(js_package: Path):
    manifest = json.loads((js_package / "package.json").read_text("utf-8"))
    assert not {"dependencies", "devDependencies", "scripts"} & set(manifest)
    for name in manifest["files"]:
        assert (js_package / name).exists(), name
    assert not list(js_package.rglob("node_modules"))
    content = (js_package / "component" / "engine.js").read_text("utf-8")
    assert "import " not in re.sub(r"//.*", "", content).split("export", 1)[0], "it imports nothing"


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_its_own_tests(js_package: Path, name: str):
    run = node("--test", js_package.parents[1] / name)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^. pass [1-9]", run.stdout, re.MULTILINE), run.stdout
    assert re.search(r"^. skipped 0$", run.stdout, re.MULTILINE), run.stdout


def test_the_typings_say_what_is_right_and_what_is_wrong(js_package: Path):
    run = node(*TSC, "typing.ts", cwd=js_package.parents[1])
    assert run.returncode == 0, run.stdout


def test_the_generated_typings_fit_too(js_package: Path, tmp_path: Path):
    (tmp_path / "generated.ts").write_text(
        f'import {{ instantiate }} from "{(js_package / "component" / "engine.js").as_posix()}";\n'
        "const module = (path: string) => new WebAssembly.Module(new Uint8Array(path.length));\n"
        "const root = await instantiate(module, {});\n"
        'const { begin } = root["backstay:reliability/calls@0.1.0"];\n'
        "const handle: bigint = begin(1n, 0n, undefined, true, undefined).call;\n"
        "console.log(handle);\n"
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run = node(*TSC, "--skipLibCheck", "generated.ts", cwd=tmp_path)
    assert run.returncode == 0, run.stdout


def test_the_example_runs(js_package: Path):
    run = node(js_package / "examples" / "node.mjs")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "healthy: 42.00",
        "down: 1 × HTTP 503, 19 × CIRCUIT_OPEN",
        "calls that reached the server: 5",
        "breaker: open",
    ]


def test_the_example_of_the_readme_runs(js_package: Path):
    code = re.findall(r"```js\n(.*?)```", (SOURCE / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(code) == 1
    path = js_package.parents[1] / "readme.mjs"
    path.write_text(code[0])
    run = node(path)
    assert (run.returncode, run.stdout) == (0, "last known\n"), run.stderr


LEAVING = """
import { getEventListeners } from "node:events";
import { Engine } from "backstay";

const unhandled = [];
process.on("unhandledRejection", (error) => unhandled.push(String(error)));
const leave = new AbortController();
const strategies = [
  { kind: "fallback", value: "instead" },
  { kind: "timeout", seconds: 600 },
  { kind: "retry", attempts: 3, base: 0.001, idempotent: true },
  { kind: "hedge", after: 0.002, idempotent: true },
  { kind: "rate_limit", limit: 1000, queue: 9 },
  { kind: "timeout", seconds: 300 },
];
const engine = await Engine.load({ policies: { p: { strategies } } });
const policy = engine.policy("p");
const options = { signal: leave.signal, deadline: engine.now() + 900_000_000_000n };
const later = (ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms));
const ends = [
  () => 1,
  () => later(10, "slow"),
  () => { throw new Error("x"); },
  async () => Promise.reject(Object.assign(new Error("x"), { code: "ECONNREFUSED" })),
  () => Promise.reject(undefined),
];
const seen = await Promise.all(ends.map((end) => policy.call(end, options)));
const gone = policy.call(() => new Promise(() => {}), options).catch((error) => error.name);
await later(10);
const listening = getEventListeners(leave.signal, "abort").length;
leave.abort();
seen.push(await gone, await policy.call(() => 1, options).catch((error) => error.name));
await later(15); // the timers of this script itself
const left = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
console.log(JSON.stringify({ seen, unhandled, listening, left, calls: engine.report().calls }));
"""


def test_a_process_that_is_done_ends(js_package: Path):
    """With its engine: no timer, no listener, no rejection that nobody handles is left of its calls."""
    path = js_package.parents[1] / "leaving.mjs"
    path.write_text(LEAVING)
    run = node(path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "seen": [1, "slow", *["instead"] * 3, "AbortError", "AbortError"],
        "unhandled": [],
        "listening": 1,
        "left": 0,
        "calls": 0,
    }


NO_PRIORITY = "a priority is 0 to 4 or one of critical, high, normal, low, background; got 'royal'"


def test_the_guide_for_hosts_leads_to_a_host_that_works(js_package: Path, component: Path, tmp_path: Path):
    """Its files as they stand there, with nothing but jco, Node and the component."""
    guide = (ROOT / "docs" / "wasm-host.md").read_text("utf-8")
    files = dict(re.findall(r"```js file=(\S+)\n(.*?)```", guide, re.DOTALL))
    assert list(files) == ["transpile.mjs", "host.mjs", "try.mjs"]
    for name, code in files.items():
        (tmp_path / name).write_text(code)
    (tmp_path / "package.json").write_text('{"type": "commonjs"}')  # as `npm init` makes it
    (tmp_path / "node_modules").symlink_to(SOURCE / "node_modules")
    transpiled = node("transpile.mjs", component, cwd=tmp_path)
    assert transpiled.returncode == 0, transpiled.stderr
    run = node("try.mjs", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"It prints\n\n```\n{run.stdout}```\n" in guide
    shutil.copy(HERE / "guide.mjs", tmp_path)
    run = node("guide.mjs", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert re.findall(r"^(.*); in flight: (\d)$", run.stdout, re.MULTILINE) == [
        ("a value: fine", "0"),
        ("an error: its own", "0"),
        ("no such kind: invalid-event: a failure is the name of a kind or a JSON object; got 'nonsense'", "0"),
        ("a mistake in kindOf: no kind", "0"),
        ("a deadline: the deadline has passed", "0"),
        (f"no such caller: invalid-caller: {NO_PRIORITY}", "0"),
        ("gone at once: gone", "0"),
        ("gone before: gone", "0"),
        ("gone in the middle of an answer: gone", "0"),
        ("no place: one: bulkhead", "2"),
        ("left the queue", "1"),
        ("left, next", "0"),
        ("a label: undefined at 0", "0"),
        ("its value in the document: spare", "0"),
        ("two at once: TIMED_OUT at 1", "0"),
        ("woken by itself: second", "0"),
        ("a shared strategy: shared", "0"),
        ("a long label: shared", "0"),
        ("shed: shed: bulkhead", "1"),
        ("not shed: in", "1"),
        ("late alarms: TIMED_OUT at 1", "0"),
        ("after 30 years: gone", "0"),
    ]
    assert "timers left: 0\n" in run.stdout
    assert run.stdout.splitlines()[-4:] == [
        "this host keeps no values: it has no cache",
        "this host keeps no values: it has no idempotency",
        "invalid-config: policies must be a list of 1 to 1000 policies, or an object by name",
        "a trap: RuntimeError RuntimeError RuntimeError",
    ]


# -- conformance


def expected(vectors: dict[str, Any]) -> dict[str, Any]:
    return {name: None if "raising" in vector else simulate.run(vector) for name, vector in vectors.items()}


def test_every_vector_is_decided_as_native(js_package: Path):
    """By a runner of JavaScript's own, written from the README of the suite."""
    vectors = {vector["name"]: vector for vector in random_vectors(150, seed=8)} | CURRENT
    run = node(HERE / "vectors.mjs", js_package / "src" / "index.js", input=json.dumps(vectors))
    assert run.returncode == 0, run.stderr
    found, right = json.loads(run.stdout), expected(vectors)
    different = {name: [right[name], found.get(name)] for name in vectors if found.get(name) != right[name]}
    assert not different, json.dumps(different, indent=1)


@pytest.fixture
def node_engine(js_package: Path) -> Any:
    engine = NodeEngine(js_package)
    yield engine
    engine.shut()


def between(there: Any, back: Callable[[], Any]) -> Callable[[Any, int], Any]:
    """Before every step everything moves to the other side."""

    def move(engine: Any, now: int) -> Any:
        other = back() if engine is there else there
        other.restore(engine.snapshot(now), now)
        return other

    return move


def test_a_call_moves_between_native_and_node(node_engine: NodeEngine):
    vectors = {vector["name"]: vector for vector in random_vectors(30, seed=9)}
    vectors |= dict(list(CURRENT.items())[1::4])
    different = differences(vectors, NativeEngine, between(node_engine, NativeEngine))
    assert not different, json.dumps(different, indent=1)


def test_a_call_moves_between_wasmtime_and_node(node_engine: NodeEngine, component: Path, cache: Cache):
    class Loading(Engine):
        def load(self, text: str) -> int:  # type: ignore[override]
            return self.add(text, 0)[0]

        def shut(self) -> None:  # one for all vectors
            pass

    inside = Loading(component=component, cache=cache)

    def start() -> Any:
        fresh = Loading(component=component, cache=cache) if inside._closed else inside
        fresh.restore(NativeEngine().snapshot(0), 0)
        return fresh

    vectors = {vector["name"]: vector for vector in random_vectors(10, seed=10)}
    vectors |= dict(list(CURRENT.items())[2::20])
    different = differences(vectors, start, between(node_engine, lambda: inside))
    Engine.shut(inside)
    assert not different, json.dumps(different, indent=1)


# -- classification


def test_errors_are_classified_as_by_the_core(js_package: Path, tmp_path: Path):
    script = tmp_path / "classify.mjs"
    script.write_text(
        f'import {{ classify }} from "{(js_package / "src" / "index.js").as_posix()}";\n'
        "const { codes, statuses } = JSON.parse(process.argv[2]);\n"
        "const kind = (error) => { const found = classify(error); return found.kind ? found : { kind: found }; };\n"
        "const found = [codes.map((code) => kind({ code })), statuses.map((status) => kind({ status }))];\n"
        "console.log(JSON.stringify(found));\n"
    )
    statuses = [*range(300, 600, 1), 999]
    run = node(script, json.dumps({"codes": list(ERRNO), "statuses": statuses}))
    assert run.returncode == 0, run.stderr
    codes, found = json.loads(run.stdout)
    for name, row in zip(ERRNO, codes, strict=True):
        assert row["kind"] in (ERRNO[name], "unknown"), name
    assert sum(row["kind"] != "unknown" for row in codes) > 25
    for status, row in zip(statuses, found, strict=True):
        failure = from_http_status(status)
        assert (row["kind"], row["reason"]) == (failure.kind, failure.reason), status
        for name in ("retry", "executed"):
            if name in FIELDS.get(status, {}):
                assert row[name] == FIELDS[status][name], status
