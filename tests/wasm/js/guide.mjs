// Whatever becomes of a call, the host of docs/wasm-host.md gives its place back. Prints how it ended and what is left.
import { makeHost } from "./host.mjs";

const { guard, root } = await makeHost({
  policies: [
    { name: "one", strategies: [{ kind: "bulkhead", limit: 1, queue: 1 }] },
    { name: "busy", strategies: [{ kind: "fallback", results: "busy", value: "spare" }] },
    {
      name: "two at once",
      strategies: [
        { kind: "hedge", after: 0.01, idempotent: true },
        { kind: "fallback" },
        { kind: "timeout", seconds: 0.01 },
      ],
    },
  ],
});
const hang = () => new Promise(() => {});
const fail = async () => {
  throw new Error("its own");
};
const wrong = () => {
  throw new Error("no kind");
};
const left = () => JSON.parse(root["backstay:reliability/operation@0.1.0"].report(process.hrtime.bigint())).calls;

async function ends(what, operation, options) {
  const said = await guard(0, operation, options).catch((error) => error.message);
  console.log(`${what}: ${said}; in flight: ${left()}`);
}

await ends("a value", async () => "fine");
await ends("an error", fail);
await ends("no such kind", fail, { kindOf: () => "nonsense" });
await ends("a mistake in kindOf", fail, { kindOf: wrong });
await ends("a deadline", hang, { within: 1 });

const caller = new AbortController();
await ends("gone at once", async () => caller.abort(new Error("gone")), { signal: caller.signal });
await ends("gone before", fail, { signal: caller.signal });

const [running, waiting] = [new AbortController(), new AbortController()];
const first = guard(0, hang, { signal: running.signal }).catch((error) => error.message);
const second = guard(0, hang, { signal: waiting.signal }).catch((error) => error.message);
await ends("no place", fail);
waiting.abort(new Error("left the queue"));
console.log(`${await second}; in flight: ${left()}`);
const next = guard(0, async () => "next");
running.abort(new Error("left"));
console.log(`${await first}, ${await next}; in flight: ${left()}`);

const idle = await guard(1, async () => "busy", { substitute: (position, failure) => `${failure} at ${position}` });
console.log(`${idle}; in flight: ${left()}`);
const written = await guard(1, async () => "busy");
console.log(`${written}; in flight: ${left()}`);

// in one answer: the first attempt is cancelled, its substitute begins, and so does the second attempt
const substitute = async (position, failure) => `${failure.reason} at ${position}`;
console.log(`${await guard(2, hang, { substitute })}; in flight: ${left()}`);
