// Guarded calls in virtual time.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { DeadlineExceeded, Engine, EngineError, Failed, Missing, Rejected, TimedOut } from "backstay";
import { VirtualTime } from "./virtual.mjs";

const REFUSED = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
const DOCUMENT = {
  policies: {
    retry: { strategies: [{ kind: "retry", attempts: 3, idempotent: true, backoff: "constant", base: 1 }] },
    breaker: { strategies: [{ kind: "circuit_breaker", window_calls: 2, minimum_calls: 2, open_for: 30, open_jitter: 0 }] },
    one: { strategies: [{ kind: "bulkhead", limit: 1, queue: 1 }] },
    slow: { strategies: [{ kind: "timeout", seconds: 2 }] },
    value: { strategies: [{ kind: "fallback", value: "last known" }] },
    label: { strategies: [{ kind: "retry", attempts: 2, base: 0, results: ["again"] }] },
    kept: { strategies: [{ kind: "cache", fresh_for: 60, stale_for: 60 }] },
    raced: { strategies: [{ kind: "hedge", after: 0.05, idempotent: true }] },
    racing: { strategies: [{ kind: "hedge", after: 0.05, idempotent: true }, { kind: "fallback" }] },
    injected: { strategies: [{ kind: "inject", fault: "outcome", enabled: true, value: "injected" }] },
    both: { strategies: [{ kind: "fallback", on: "rejected", value: "full" }, { kind: "bulkhead", limit: 1 }] },
  },
};

let engine, time;
before(async () => {
  time = new VirtualTime();
  engine = await Engine.load(DOCUMENT, { seed: 1n, clock: time.clock, timers: time.timers });
});
after(() => engine.shut());
beforeEach(() => assert.equal(time.armed, 0, "a call has left a timer"));

/** A promise that is settled from outside. */
function later() {
  const made = Promise.withResolvers();
  made.promise.catch(() => {});
  return made;
}

/** What has become of a promise so far. */
function watch(promise) {
  const seen = { state: "pending" };
  promise.then(
    (value) => Object.assign(seen, { state: "fulfilled", value }),
    (error) => Object.assign(seen, { state: "rejected", error }),
  );
  return seen;
}

const inside = (name) => engine.report().policies.find((policy) => policy.name === name).strategies;

test("a value comes out as it is", async () => {
  const value = { any: "thing" };
  assert.equal(await engine.policy("retry").call(() => value), value);
  assert.equal(await engine.policy("retry").call(async () => value), value);
  assert.equal(await engine.policy("retry").wrap((signal, a, b) => a + b)(1, 2), 3);
});

test("a retry waits its pause and not less, and the last error comes out unchanged", async () => {
  let attempts = 0;
  const seen = watch(
    engine.policy("retry").call(() => {
      attempts += 1;
      throw REFUSED;
    }),
  );
  await time.pass(999);
  assert.equal(attempts, 1);
  await time.pass(1);
  assert.equal(attempts, 2);
  await time.pass(1000);
  assert.deepEqual([attempts, seen.state, seen.error], [3, "rejected", REFUSED]);
});

test("an error that the policy does not retry comes out at once", async () => {
  let attempts = 0;
  const mistake = new TypeError("x is not a function");
  const call = engine.policy("retry").call(() => {
    attempts += 1;
    throw mistake;
  });
  await assert.rejects(call, mistake);
  assert.equal(attempts, 1);
});

test("a breaker refuses, says for how long, and admits a probe", async () => {
  const policy = engine.policy("breaker");
  for (let i = 0; i < 2; i += 1) await assert.rejects(policy.call(() => Promise.reject(REFUSED)), REFUSED);
  await time.pass(10_000);
  let reached = false;
  await assert.rejects(
    policy.call(() => (reached = true)),
    (error) => error instanceof Rejected && error.reason === "CIRCUIT_OPEN" && error.retryAfter === 20_000_000_000n,
  );
  assert.equal(reached, false);
  await time.pass(20_000);
  assert.equal(await policy.call(() => "probe"), "probe");
  policy.control(0, "force-open");
  await assert.rejects(policy.call(() => 1), { reason: "FORCED_OPEN" });
  policy.control(0, "auto");
});

test("a timeout stops the operation and tells it", async () => {
  let told;
  const seen = watch(
    engine.policy("slow").call((signal) => {
      signal.addEventListener("abort", () => (told = signal.reason));
      return new Promise(() => {});
    }),
  );
  await time.pass(1999);
  assert.equal(seen.state, "pending");
  await time.pass(1);
  assert.ok(seen.error instanceof TimedOut && seen.error instanceof Failed);
  assert.equal(seen.error.reason, "TIMED_OUT");
  assert.equal(told.name, "AbortError");
});

test("who waits for a place gets it when it is free; a full queue refuses", async () => {
  const policy = engine.policy("one");
  const held = later();
  const first = watch(policy.call(() => held.promise));
  const second = watch(policy.call(() => "second"));
  const third = watch(policy.call(() => "third"));
  const fourth = watch(policy.call(() => "fourth", { queue: false }));
  await time.settle();
  assert.deepEqual([first.state, second.state, third.error?.reason, fourth.error?.reason], ["pending", "pending", "BULKHEAD_FULL", "BULKHEAD_FULL"]);
  held.resolve("first");
  await time.settle();
  assert.deepEqual([first.value, second.value], ["first", "second"]);
  assert.deepEqual([inside("one")[0].inside, inside("one")[0].waiting], [0, 0]);
});

test("the caller's signal ends the call wherever it is, and gives its places back", async () => {
  const policy = engine.policy("one");
  const leave = new AbortController();
  const queued = new AbortController();
  let told;
  const running = watch(policy.call((signal) => new Promise(() => signal.addEventListener("abort", () => (told = signal.reason))), { signal: leave.signal }));
  const waiting = watch(policy.call(() => 1, { signal: queued.signal }));
  await time.settle();
  const reason = new Error("the user has gone");
  queued.abort(reason);
  await time.settle();
  assert.equal(waiting.error, reason);
  leave.abort(reason);
  await time.settle();
  assert.deepEqual([running.error, told], [reason, reason]);
  assert.deepEqual([inside("one")[0].inside, inside("one")[0].waiting], [0, 0]);
  let ran = false;
  await assert.rejects(policy.call(() => (ran = true), { signal: leave.signal }), reason);
  assert.equal(ran, false);
});

test("an operation that makes the caller go in its first moment ends the call too", async () => {
  const leave = new AbortController();
  let told;
  const call = engine.policy("one").call(
    (signal) => {
      leave.abort(new Error("at once"));
      told = signal.aborted;
      return new Promise(() => {});
    },
    { signal: leave.signal },
  );
  await assert.rejects(call, leave.signal.reason);
  assert.equal(told, true);
  assert.equal(inside("one")[0].inside, 0);
});

test("a deadline that no timer can wait for is no deadline that has come", async () => {
  const held = later();
  const days = 30n * 24n * 3_600_000_000_000n; // more than 2^31 ms
  const seen = watch(engine.policy("one").call(() => held.promise, { deadline: engine.now() + days }));
  await time.pass(2 ** 31);
  assert.equal(seen.state, "pending");
  await time.pass(Number(days / 1_000_000n) - 2 ** 31);
  assert.ok(seen.error instanceof DeadlineExceeded);
});

test("a strategy that policies share stands at its place", async () => {
  engine.add({ shared: { spare: { kind: "fallback", value: 7 } }, policies: { sharing: { strategies: [{ shared: "spare" }] } } });
  assert.equal(await engine.policy("sharing").call(() => Promise.reject(REFUSED)), 7);
});

test("a pause between attempts ends with the caller's signal", async () => {
  const leave = new AbortController();
  const seen = watch(engine.policy("retry").call(() => Promise.reject(REFUSED), { signal: leave.signal }));
  await time.settle();
  assert.equal(time.armed, 1);
  leave.abort();
  await time.settle();
  assert.equal(seen.error.name, "AbortError");
});

test("the caller's deadline ends what runs; a timeout of the policy keeps within it", async () => {
  const seen = watch(engine.policy("one").call(() => new Promise(() => {}), { deadline: engine.now() + 500_000_000n }));
  const bounded = watch(engine.policy("slow").call(() => new Promise(() => {}), { deadline: engine.now() + 500_000_000n }));
  await time.pass(499);
  assert.deepEqual([seen.state, bounded.state], ["pending", "pending"]);
  await time.pass(1);
  assert.ok(seen.error instanceof DeadlineExceeded);
  assert.equal(bounded.state, "rejected");
  assert.equal(inside("one")[0].inside, 0);
});

test("a substitute stands in: a value, or what a function makes", async () => {
  const fail = () => Promise.reject(REFUSED);
  assert.equal(await engine.policy("value").call(fail), "last known");
  let stood;
  const made = engine.policy("value", { fallback: async (error) => ((stood = error), "made") });
  assert.equal(await made.call(fail), "made");
  assert.equal(stood, REFUSED);
  const held = later();
  const first = watch(engine.policy("both").call(() => held.promise));
  const refusals = [];
  const both = engine.policy("both", { fallback: (error) => (refusals.push(error), "instead") });
  assert.equal(await both.call(() => 1), "instead");
  assert.ok(refusals[0] instanceof Rejected);
  held.resolve(1);
  await time.settle();
  assert.equal(first.value, 1);
});

test("a value that `results` names is tried again", async () => {
  const answers = ["again", "fine"];
  assert.equal(await engine.policy("label").call(() => answers.shift()), "fine");
});

test("a late outcome of a cancelled operation is dropped", async () => {
  const held = later();
  const seen = watch(engine.policy("slow").call(() => held.promise));
  await time.pass(2000);
  held.reject(new Error("late"));
  await time.settle();
  assert.ok(seen.error instanceof TimedOut);
});

test("a classifier decides what an error is", async () => {
  let attempts = 0;
  const policy = engine.policy("retry", { classify: () => "validation" });
  await assert.rejects(policy.call(() => (attempts++, Promise.reject(REFUSED))), REFUSED);
  assert.equal(attempts, 1);
  const wrong = engine.policy("retry", { classify: () => "nonsense" });
  await assert.rejects(wrong.call(() => Promise.reject(REFUSED)), (error) => error instanceof EngineError && error.kind === "invalid-event");
  assert.equal(engine.report().calls, 0);
});

test("a function that makes substitutes stands in for a Fallback and for nothing else", async () => {
  const row = { kind: "inject", fault: "outcome", enabled: true, value: "injected" };
  const policy = engine.policy("injected", { fallback: () => "made" });
  assert.deepEqual(policy.strategies, [row]);
  assert.equal(await policy.call(() => "real"), "injected");
});

test("a lookup finds a value, or nothing, or one that is stale", async () => {
  const fail = () => Promise.reject(REFUSED);
  assert.equal(await engine.policy("kept").call(() => "fetched"), "fetched"); // nobody keeps anything
  await assert.rejects(engine.policy("kept").call(fail), REFUSED);
  const asked = [];
  const lookup = (error) => {
    asked.push(error);
    if (error === undefined) throw new Missing();
    return "stale";
  };
  assert.equal(await engine.policy("kept", { lookup }).call(fail), "stale");
  assert.deepEqual(asked, [undefined, REFUSED]);
  assert.equal(await engine.policy("kept", { lookup: async () => "hit" }).call(fail), "hit");
});

test("each lookup is told for which strategy it is; an Idempotency without one is refused", async () => {
  const keyed = { name: "keyed", strategies: [{ kind: "idempotency" }, { kind: "cache", fresh_for: 60 }] };
  engine.add({ policies: [keyed] });
  const asked = [];
  const lookup = (error, signal, position) => {
    asked.push(position);
    throw new Missing();
  };
  assert.equal(await engine.policy("keyed", { lookup }).call(() => "fetched"), "fetched");
  assert.deepEqual(asked, [0, 1]);
  assert.throws(() => engine.policy("keyed"), (error) => error instanceof EngineError && error.kind === "invalid-config");
  engine.unload("keyed");
});

test("an operation that rejects with nothing fails with nothing", async () => {
  let attempts = 0;
  const found = await engine.policy("retry").call(() => (attempts++, Promise.reject())).then(() => "done", (error) => [error]);
  assert.deepEqual(found, [undefined]);
  assert.equal(attempts, 1);
  assert.equal(engine.report().calls, 0);
});

test("a second attempt beside the first: who comes first wins, the other one is told", async () => {
  const told = [];
  const seen = watch(
    engine.policy("raced").call((signal) => {
      const number = told.push(false) - 1;
      signal.addEventListener("abort", () => (told[number] = true));
      return number ? "second" : new Promise(() => {});
    }),
  );
  await time.pass(49);
  assert.deepEqual(told, [false]);
  await time.pass(1);
  assert.deepEqual([seen.value, told], ["second", [true, false]]);
});

test("substitutes of two attempts at once know what they stand in for", async () => {
  const made = later();
  const errors = [];
  const policy = engine.policy("racing", { fallback: (error) => (errors.push(error), made.promise) });
  const failures = [REFUSED, Object.assign(new Error("gone"), { code: "ECONNRESET" })];
  const seen = watch(policy.call(() => Promise.reject(failures[errors.length])));
  await time.pass(100);
  assert.deepEqual(errors, failures);
  made.resolve("made");
  await time.settle();
  assert.equal(seen.value, "made");
  const leave = new AbortController();
  const left = watch(policy.call(() => new Promise(() => {}), { signal: leave.signal }));
  await time.pass(100);
  leave.abort();
  await time.settle();
  assert.equal(left.error.name, "AbortError");
  assert.equal(engine.report().calls, 0);
});

test("a shut engine refuses calls", async () => {
  const other = await Engine.load(DOCUMENT);
  const policy = other.policy("one");
  other.shut();
  await assert.rejects(policy.call(() => 1), { kind: "shut" });
});
