// node serve.mjs PACKAGE: one engine behind lines of JSON on standard input and output.
//
// A line is [method, ...arguments]; the answer {"ok": …} or {"error": kind}, and "woken", the calls that were let in.

import { createInterface } from "node:readline";
import { parse, write } from "./simulate.mjs";

const { Engine, EngineError } = await import(process.argv[2]);
const engine = await Engine.create();
let woken = [];
const wake = (call) => () => woken.push(call);

const METHODS = {
  load: (text) => engine.add(text, 0n)[0],
  begin(policy, now, deadline, queue, caller) {
    let handle;
    const decision = engine.begin(policy, now, { deadline: deadline ?? undefined, caller: caller ?? undefined, wake: queue ? () => woken.push(handle) : undefined });
    handle = decision.call;
    return decision;
  },
  step: (call, event, token, now, detail) => engine.step(call, event, { token, now, detail: detail ?? undefined }),
  close: (call, now) => engine.close(call, now),
  attach: (call) => engine.attach(call, wake(call)),
  snapshot: (now) => engine.snapshot(now),
  restore: (text, now) => engine.restore(text, { now }),
  snapshotPolicy: (policy, now, wall) => engine.snapshotPolicy(policy, now, wall),
  restorePolicy: (policy, text, now, mode, wall) => engine.restorePolicy(policy, text, { now, mode, wall }),
  control: (policy, position, command, now) => engine.control(policy, position, command, now),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...args] = parse(line);
  let answer;
  try {
    answer = { ok: METHODS[method](...args) ?? null };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    answer = { error: [error.kind, error.message] };
  }
  console.log(write({ ...answer, woken }));
  woken = [];
}
