// An instance that breaks is replaced; only the call at which it broke is lost.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { CallLost, Engine } from "backstay";

const PLAIN = { policies: [{ name: "p", strategies: [{ kind: "bulkhead", limit: 2, queue: 1 }] }] };

/** The memories of all instances that were made since. */
const memories = [];
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  const found = Object.values(made.exports ?? {}).filter((each) => each instanceof WebAssembly.Memory);
  memories.push(...found);
  if (found.length && spoiling) {
    spoiling -= 1;
    poison();
  }
  return made;
};
let spoiling = 0; // how many instances to come break when they are used

beforeEach(() => (memories.length = 0));

/** Spoils the memory of every instance made so far: the next call into one does not return. */
function poison() {
  for (const memory of memories.splice(0)) new Uint8Array(memory.buffer).fill(0xff);
}

test("an instance that breaks is replaced; only the call at which it broke is lost", async () => {
  const mine = await Engine.load(PLAIN, { seed: 0n });
  const kept = mine.begin("p", 1n);
  const lost = mine.begin("p", 2n);
  poison();
  assert.throws(() => mine.step(lost.call, "ok", { token: lost.token, now: 3n }), (error) => error instanceof CallLost);
  assert.throws(() => mine.begin("p", 4n), { kind: "replacing" });
  await mine.ready();
  assert.equal(mine.replacements, 1);
  assert.equal(mine.report(4n).policies[0].strategies[0].inside, 1); // the lost call has given its place back
  assert.throws(() => mine.step(lost.call, "ok", { token: lost.token, now: 4n }), { kind: "closed" });
  assert.ok(mine.step(kept.call, "ok", { token: kept.token, now: 4n }).over);
  assert.ok(mine.begin("p", 5n).call > lost.call);
  mine.shut();
});

/** Two engines through the same calls; `disturb` happens to the first one now and then, and must not show. */
async function compare(disturb, calls) {
  const strategies = [{ kind: "retry", attempts: 5, idempotent: true }, { kind: "circuit_breaker", window_calls: 50 }];
  const load = () => Engine.load({ policies: [{ name: "p", strategies }] }, { seed: 3n });
  const two = await load();
  memories.length = 0; // the second engine is left in peace
  const one = await load();
  let now = 0n;
  for (let i = 0; i < calls; i += 1) {
    now += 50_000_000n;
    if (i % 140 === 100) {
      disturb(one, now);
      await one.ready();
    }
    const [mine, theirs] = [one, two].map((each) => each.begin("p", now));
    assert.deepEqual(mine, theirs);
    if (mine.over) continue;
    const event = i % 3 ? "ok" : "error";
    const told = { token: mine.token, now, detail: i % 3 ? undefined : "timeout" };
    assert.deepEqual(...[one, two].map((each) => each.step(mine.call, event, told)));
    one.close(mine.call, now);
    two.close(mine.call, now);
  }
  assert.equal(one.snapshot(now), two.snapshot(now));
  const { replacements } = one;
  one.shut();
  two.shut();
  return replacements;
}

test("it decides after many replacements as an engine that never broke", async () => {
  const replacements = await compare((engine, now) => {
    poison();
    assert.throws(() => engine.report(now), CallLost);
  }, 700);
  assert.equal(replacements, 5);
});

test("a stack that is full at any point leaves no trace", async () => {
  await compare((engine, now) => {
    const deeper = () => {
      try {
        deeper();
      } catch {
        // the stack is full here, and a little less so in every caller
      }
      if (engine.replacing) return;
      try {
        engine.report(now);
      } catch {
        // which error it is depends on where the stack ended
      }
    };
    deeper();
  }, 250);
});

test("a guarded call goes on in the new instance, and one that begins meanwhile waits for it", async () => {
  const mine = await Engine.load(PLAIN);
  const policy = mine.policy("p");
  const held = Promise.withResolvers();
  const kept = policy.call(() => held.promise);
  poison();
  assert.throws(() => mine.report(), CallLost);
  held.resolve("kept"); // while there is no instance
  assert.equal(await policy.call(() => "next"), "next");
  assert.equal(await kept, "kept");
  assert.equal(mine.replacements, 1);
  mine.shut();
});

test("calls that cannot be brought back are lost, those that run and those that wait", async () => {
  const strategies = [{ kind: "bulkhead", limit: 1, queue: 1 }];
  const mine = await Engine.load({ policies: [{ name: "p", strategies }] });
  const policy = mine.policy("p");
  const held = Promise.withResolvers();
  const calls = [policy.call(() => held.promise), policy.call(() => "never")];
  await new Promise((resolve) => setImmediate(resolve)); // both have begun
  poison();
  spoiling = 1; // the journal cannot be told to the next instance either
  assert.throws(() => mine.report(), CallLost);
  await mine.ready();
  await assert.rejects(calls[1], CallLost);
  held.resolve("in vain");
  await assert.rejects(calls[0], CallLost);
  assert.equal(await policy.call(() => "next"), "next");
  mine.shut();
});

test("a restore ends the calls that it does not know", async () => {
  const mine = await Engine.load({ policies: [{ name: "p", strategies: [{ kind: "bulkhead", limit: 1, queue: 1 }] }] });
  const empty = mine.snapshot();
  const held = Promise.withResolvers();
  const calls = [mine.policy("p").call(() => held.promise), mine.policy("p").call(() => "never")];
  await new Promise((resolve) => setImmediate(resolve));
  mine.restore(empty);
  await assert.rejects(calls[1], CallLost);
  held.resolve("in vain");
  await assert.rejects(calls[0], CallLost);
  mine.shut();
});

test("a guarded call does not go on as another call of the same handle", async () => {
  const other = await Engine.load({ policies: [{ name: "x", strategies: [{ kind: "timeout", seconds: 9 }, { kind: "fallback" }] }] });
  other.begin("x", 1n);
  const text = other.snapshot(1n);
  const mine = await Engine.load(PLAIN);
  for (const end of [(held) => held.resolve("in vain"), (held) => held.reject(new Error("in vain"))]) {
    const held = Promise.withResolvers();
    const fresh = mine.snapshot(1n);
    const call = mine.policy("p").call(() => held.promise);
    await new Promise((resolve) => setImmediate(resolve));
    mine.restore(text, { now: 1n });
    end(held);
    await assert.rejects(call, CallLost);
    assert.equal(mine.snapshot(1n), text);
    mine.restore(fresh, { now: 1n });
  }
  const held = Promise.withResolvers();
  const call = mine.policy("p").call(() => held.promise);
  await new Promise((resolve) => setImmediate(resolve));
  mine.restore(mine.snapshot());
  held.resolve("there again");
  assert.equal(await call, "there again");
  mine.shut();
  other.shut();
});

test("a call that is told something else again is closed, and who waits looks again", async () => {
  const strategies = [{ kind: "hedge", after: 1, idempotent: true }];
  const mine = await Engine.load({ policies: [...PLAIN.policies, { name: "raced", strategies }] });
  const rung = [];
  const [kept, , other] = [mine.begin("p", 1n), mine.begin("p", 1n), mine.begin("raced", 1n)];
  mine.begin("p", 1n, { wake: () => rung.push(1) });
  poison();
  assert.throws(() => mine.report(1n), CallLost);
  const { parse } = JSON;
  JSON.parse = (text) => ({ ...parse(text), before: [["attempt", 7, null]] });
  await mine.ready();
  JSON.parse = parse;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(rung, [1]);
  assert.throws(() => mine.step(other.call, "ok", { token: 1n, now: 2n }), { kind: "closed" });
  assert.ok(mine.step(kept.call, "ok", { token: kept.token, now: 2n }).over);
  mine.shut();
});

test("an engine in use has a spare instance, and one that breaks too is no loss", async () => {
  const mine = await Engine.load(PLAIN);
  const { call, token } = mine.begin("p", 1n);
  const make = WebAssembly.instantiate;
  for (const spoilt of [false, true]) {
    for (let i = 0; i < 300; i += 1) mine.step(call, "wake", { now: 1n });
    while (memories.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const [inside, spare] = memories.splice(0);
    memories.push(...(spoilt ? [inside, spare] : [inside]));
    poison();
    if (!spoilt) WebAssembly.instantiate = () => Promise.reject(new RangeError("out of memory"));
    assert.throws(() => mine.report(1n), CallLost);
    await mine.ready();
    WebAssembly.instantiate = make;
    if (!spoilt) memories.push(spare);
  }
  assert.equal(mine.replacements, 2);
  assert.ok(mine.step(call, "ok", { token, now: 2n }).over);
  mine.shut();
});

test("no memory for a new instance is no loss", async () => {
  const mine = await Engine.load(PLAIN);
  const { call, token } = mine.begin("p", 1n);
  const make = WebAssembly.instantiate;
  poison();
  WebAssembly.instantiate = () => {
    WebAssembly.instantiate = make; // there is some the next time
    return Promise.reject(new RangeError("out of memory"));
  };
  assert.throws(() => mine.report(1n), CallLost);
  while (mine.replacing) await mine.ready();
  assert.ok(mine.step(call, "ok", { token, now: 2n }).over);
  mine.shut();
});

test("where no new instance can be had, calls end with an error instead of waiting for ever", async () => {
  const mine = await Engine.load(PLAIN);
  const held = Promise.withResolvers();
  const running = mine.policy("p").call(() => held.promise);
  poison();
  const make = WebAssembly.instantiate;
  WebAssembly.instantiate = () => Promise.reject(new RangeError("out of memory"));
  try {
    assert.throws(() => mine.report(), CallLost);
    held.resolve("in vain");
    await assert.rejects(running, { kind: "replacing" });
    await assert.rejects(mine.policy("p").call(() => 1), { kind: "replacing" });
  } finally {
    WebAssembly.instantiate = make;
  }
  while (mine.replacing) await mine.ready();
  assert.equal(mine.report().policies[0].strategies[0].inside, 0, "a call that ended without an instance keeps its place");
  assert.equal(await mine.policy("p").call(() => "there again"), "there again");
  mine.shut();
});

test("a guarded call at which the instance breaks is lost, and its places are free", async () => {
  const mine = await Engine.load(PLAIN);
  const held = Promise.withResolvers();
  const lost = mine.policy("p").call(() => held.promise);
  poison();
  held.resolve("in vain");
  await assert.rejects(lost, CallLost);
  await mine.ready();
  assert.equal(mine.report().policies[0].strategies[0].inside, 0);
  assert.equal(mine.report().calls, 0);
  mine.shut();
});
