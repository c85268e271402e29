// The engine's own surface: whatever a host hands in, it gets a typed error, and other calls go on.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as backstay from "backstay";
import { classify, Engine, EngineError } from "backstay";

const PLAIN = { policies: [{ name: "p", strategies: [{ kind: "bulkhead", limit: 2 }] }] };
const NEVER = 1n << 62n;
const MOST = (1n << 64n) - 1n;

let engine, other;
before(async () => (engine = await Engine.create()));
after(() => engine.shut());
beforeEach(() => {
  engine.add(PLAIN, 0n);
  other = engine.begin("p", 0n);
});

/** The kind of the error; and the other call, which is in flight all the time, goes on. */
function kindOf(run) {
  let kind;
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof EngineError && error.message, error);
    kind = error.kind;
  }
  assert.equal(engine.step(other.call, "wake", { now: 0n }).action, "none");
  assert.equal(engine.replacements, 0);
  return kind;
}

test("documents that mean nothing", () => {
  const bad = ["", "{", "[]", "{}", '{"policies": []}', '{"policies": [{"name": 1}]}', "[".repeat(100_000), '{"policies": {"p": {"name": "q"}}}'];
  for (const text of bad) assert.equal(kindOf(() => engine.add(text)), "invalid-config", text.slice(0, 40));
  const unsaid = [() => 1, Symbol("x"), NaN, Infinity];
  for (const value of unsaid) {
    const strategies = [{ kind: "fallback", value }];
    assert.equal(kindOf(() => engine.add({ policies: [{ name: "x", strategies }] })), "invalid-config", String(value));
  }
  const ring = {};
  ring.ring = ring;
  assert.equal(kindOf(() => engine.add(ring)), "invalid-config");
  assert.equal(kindOf(() => engine.add(undefined)), "invalid-config");
});

test("numbers beyond their type", () => {
  for (const number of [-1n, 1n << 64n, 1.5, NaN, "1", null, true, 2 ** 53]) {
    assert.equal(kindOf(() => engine.begin(1n, number)), "out-of-range", String(number));
    assert.equal(kindOf(() => engine.step(other.call, "ok", { token: number, now: 0n })), "out-of-range");
    assert.equal(kindOf(() => engine.close(number, 0n)), "out-of-range");
    if (number !== null) assert.equal(kindOf(() => engine.begin(1n, 0n, { deadline: number })), "out-of-range");
  }
  for (const now of [NEVER, MOST]) assert.equal(kindOf(() => engine.begin("p", now)), "out-of-range");
  assert.equal(kindOf(() => engine.control("p", 1 << 30, "auto", 0n)), "out-of-range");
});

test("whose call it is", () => {
  const [handle] = engine.add({ policies: [{ name: "shed", strategies: [{ kind: "bulkhead", limit: 2, shed: 0.5 }] }] }, 0n);
  for (const caller of ["{", "[]", { rank: 1 }, { priority: "vital" }, { priority: 5 }, { tenant: 5 }, { tenant: "x".repeat(201) }, { priority: true }]) {
    assert.equal(kindOf(() => engine.begin(handle, 0n, { caller })), "invalid-caller", JSON.stringify(caller));
  }
  assert.equal(kindOf(() => engine.begin(handle, 0n, { caller: { tenant: "x".repeat(200_000) } })), "too-large");
  const begun = ["critical", "background", "critical"].map((priority) => engine.begin(handle, 0n, { caller: { priority } }));
  assert.deepEqual(begun.map(({ action }) => action), ["attempt", "fail", "attempt"]);
  for (const { call } of begun) engine.close(call, 0n);
});

test("ten megabytes, and half a character", () => {
  const huge = "x".repeat(10_000_000);
  assert.equal(kindOf(() => engine.add(huge)), "too-large");
  assert.equal(kindOf(() => engine.step(other.call, "ok", { now: 0n, detail: huge })), "too-large");
  assert.equal(kindOf(() => engine.restore(huge + huge + huge + huge)), "too-large");
  assert.equal(kindOf(() => engine.step(other.call, "ok", { now: 0n, detail: "\ud800" })), "invalid-text");
  assert.equal(kindOf(() => engine.step(other.call, "ok", { now: 0n, detail: 1 })), "invalid-text");
});

test("handles and events out of order", () => {
  assert.equal(kindOf(() => engine.begin("nobody", 0n)), "unknown-policy");
  assert.equal(kindOf(() => engine.begin(MOST, 0n)), "unknown-policy");
  assert.equal(kindOf(() => engine.policy("nobody")), "unknown-policy");
  assert.equal(kindOf(() => engine.step(MOST, "ok", { now: 0n })), "unknown-call");
  assert.equal(kindOf(() => engine.step(other.call, "begin", { now: 0n })), "invalid-event");
  assert.equal(kindOf(() => engine.step(other.call, "error", { token: 1n, now: 0n, detail: "nonsense" })), "invalid-event");
  const call = engine.begin("p", 0n);
  for (const [event, token] of [["ok", 7n], ["error", 0n], ["wake", 0n], ["ok", MOST]]) {
    assert.equal(engine.step(call.call, event, { token, now: 0n }).action, "none");
  }
  assert.equal(engine.step(call.call, "ok", { token: call.token, now: 0n }).over, true);
  assert.equal(kindOf(() => engine.step(call.call, "ok", { token: call.token, now: 0n })), "closed");
  assert.equal(engine.close(call.call, 0n).action, "none");
  assert.equal(kindOf(() => engine.unload("p")), "busy");
});

test("snapshots that do not fit leave everything", () => {
  const text = engine.snapshot(5n);
  for (const bad of ["", "{}", "null", text.slice(0, text.length / 2), text.replace('"schema":1', '"schema":9')]) {
    assert.equal(kindOf(() => engine.restore(bad, { now: 5n })), "invalid-snapshot");
  }
  assert.equal(engine.snapshot(5n), text);
  assert.equal(kindOf(() => engine.restorePolicy("p", { x: NaN })), "invalid-snapshot");
});

test("a component that is none", async () => {
  for (const component of ["file:///nowhere/", new URL("./", import.meta.url)]) {
    await assert.rejects(Engine.create({ component }));
  }
  const place = await mkdtemp(join(tmpdir(), "backstay-"));
  const other = {
    "another package": "export const instantiate = () => ({ 'backstay:reliability/calls@0.2.0': {} });",
    "one that cannot start": "export const instantiate = () => { throw new Error('no'); };",
    "one that imports": "export const instantiate = (module, imports) => imports['wasi:clocks/wall-clock'].now();",
  };
  for (const [name, code] of Object.entries(other)) {
    await mkdir(join(place, name));
    await writeFile(join(place, name, "engine.js"), code);
    const component = pathToFileURL(join(place, name) + sep);
    await assert.rejects(Engine.create({ component }), { kind: "incompatible" }, name);
  }
  await rm(place, { recursive: true });
});

test("keys that mean something to JavaScript are names like any other, and pollute nothing", async () => {
  const name = "__proto__";
  const text = '{"policies": {"__proto__": {"strategies": [{"shared": "constructor"}]}}, "shared": {"constructor": {"kind": "bulkhead", "limit": 3}}}';
  const own = await Engine.load(text, { seed: 0n });
  assert.deepEqual(own.policy(name).strategies, [{ kind: "bulkhead", limit: 3 }]);
  assert.equal(await own.policy(name).call(() => 1), 1);
  own.restore(own.snapshot());
  assert.equal(own.policy(name).name, name);
  assert.throws(() => own.policy("constructor"), { kind: "unknown-policy" });
  for (const key of ["__proto__", "constructor", "toString"]) {
    assert.equal(kindOf(() => engine.add(`{"policies": [{"name": "x", "strategies": [{"shared": "${key}"}]}]}`)), "invalid-config");
    assert.equal(kindOf(() => engine.add(`{"policies": [{"name": "x", "${key}": {"limit": 1}}]}`)), "invalid-config");
    assert.equal(kindOf(() => engine.add(`{"policies": [{"name": "x", "strategies": [{"kind": "${key}"}]}]}`)), "invalid-config");
  }
  assert.equal({}.limit, undefined);
  own.shut();
});

test("who is woken and throws disturbs nobody, and keeps no place", () => {
  const [handle] = engine.add({ policies: [{ name: "w", strategies: [{ kind: "bulkhead", limit: 1, queue: 1 }] }] }, 0n);
  const first = engine.begin(handle, 0n);
  const thrown = () => {
    throw new Error("its page is gone");
  };
  assert.equal(engine.begin(handle, 0n, { wake: thrown }).action, "wait");
  assert.equal(engine.step(first.call, "ok", { token: first.token, now: 1n }).action, "complete");
  const { inside, waiting } = engine.report(1n).policies.find(({ name }) => name === "w").strategies[0];
  assert.deepEqual([inside, waiting], [0, 0]);
});

test("what is in the typings is what there is", () => {
  assert.deepEqual(Object.keys(backstay).sort(), [
    "BackstayError", "CallLost", "DeadlineExceeded", "Engine", "EngineError", "Failed", "Missing", "NEVER", "Policy", "Rejected", "TimedOut", "classify",
  ]);
});

test("errors are classified by what they carry", () => {
  const cases = [
    [Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } }), "connect"],
    [new DOMException("x", "AbortError"), "cancelled"],
    [new DOMException("x", "TimeoutError"), "timeout"],
    [new TypeError("Failed to fetch"), "disconnect"],
    [new TypeError("x is not a function"), "programming"],
    [new Error("x"), "unknown"],
    ["a text", "unknown"],
    [undefined, "unknown"],
    [Object.assign(new Error("x"), { status: 200 }), "unknown"],
    ...["__proto__", "constructor", "toString"].flatMap((key) => [[{ code: key }, "unknown"], [{ name: key }, "unknown"]]),
  ];
  for (const [error, kind] of cases) assert.equal(classify(error), kind);
  const paused = classify(new Response("", { status: 503, headers: { "retry-after": "2" } }));
  assert.deepEqual([paused.kind, paused.retry_after, paused.code], ["throttle", 2_000_000_000n, "UNAVAILABLE"]);
  const ring = new Error("x");
  ring.cause = ring;
  assert.equal(classify(ring), "unknown");
});
