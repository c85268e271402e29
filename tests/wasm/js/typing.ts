// Checked by tsc --strict, never run: what users write has the types that they expect, and mistakes are found.

import { classify, Engine, NEVER, Policy, Rejected, TimedOut } from "backstay";
import type { Configuration, Decision, FailureDetail } from "backstay";

const config: Configuration = {
  policies: { quotes: { seed: 7n, strategies: [{ kind: "retry", attempts: 3, on: ["timeout"] }, { shared: "db" }] } },
  shared: { db: { kind: "circuit_breaker", open_for: 30 } },
};
const engine: Engine = await Engine.load(config, { seed: 1n, clock: () => 0n });

const policy: Policy = engine.policy("quotes", { classify: (error) => ({ kind: "throttle", retry_after: 5n, message: String(error) }) });
const value: number = await policy.call(() => 1);
const text: string = await policy.call(async (signal: AbortSignal) => (await fetch("/", { signal })).text(), {
  signal: AbortSignal.timeout(100),
  deadline: engine.now() + 2_000_000_000n,
  queue: false,
});
const guarded: (symbol: string, days?: number) => Promise<Date> = policy.wrap(
  async (signal, symbol: string, days: number = 1) => new Date(symbol.length + days + Number(signal.aborted)),
);

try {
  await guarded("ACME");
} catch (error) {
  if (error instanceof Rejected) {
    const pause: bigint | undefined = error.retryAfter;
    const reason: string = error.reason;
    console.log(pause, reason);
  } else if (error instanceof TimedOut) console.log(error.failure.kind === "timeout", error.policy);
}

let decision: Decision = engine.begin("quotes", 0n, { wake: () => {} });
if (decision.action === "attempt" && decision.time < NEVER) decision = engine.step(decision.call, "ok", { token: decision.token, now: 1 });
const kind: string | FailureDetail = classify(new Error("x"));
console.log(value, text, decision.over, kind);

// @ts-expect-error: there is no such event
engine.step(1n, "begin", { now: 0n });
// @ts-expect-error: a step has a time
engine.step(1n, "ok", {});
// @ts-expect-error: times are numbers
engine.begin("quotes", "soon");
// @ts-expect-error: nobody makes a policy but the engine
new Policy();
// @ts-expect-error: no such kind of failure
engine.policy("quotes", { classify: () => "tired" });
// @ts-expect-error: the result is a promise of a number
const wrong: Promise<string> = policy.call(() => 1);
// @ts-expect-error: the guarded function takes a text
await guarded(5);
// @ts-expect-error: an action that is none
decision.action === "retry";
