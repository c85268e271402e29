// Whatever becomes of a call, the host of docs/wasm-host.md gives its place back. Prints how it ended and what is left.
const memories = []; // of the instances that are made
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...args) => {
  const made = await instantiate(...args);
  memories.push(...Object.values(made.exports ?? {}).filter((each) => each instanceof WebAssembly.Memory));
  return made;
};
const { makeHost } = await import("./host.mjs");

const long = "long ".repeat(50);
const { guard, report } = await makeHost({
  shared: { spare: { kind: "fallback", value: "shared", results: long } },
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
    { name: "shared", strategies: [{ shared: "spare" }, { kind: "timeout", seconds: 0.01 }] },
    { name: "shed", strategies: [{ kind: "bulkhead", limit: 2, shed: 0.5 }] },
    { name: "place for both", strategies: [{ kind: "hedge", after: 0, idempotent: true }, { kind: "bulkhead", limit: 1, queue: 1 }] },
  ],
});
const hang = () => new Promise(() => {});
const fail = async () => {
  throw new Error("its own");
};
const wrong = () => {
  throw new Error("no kind");
};

async function ends(what, index, operation, options) {
  const said = await guard(index, operation, options).catch((error) => error.message);
  console.log(`${what}: ${said}; in flight: ${report().calls}`);
}

await ends("a value", 0, async () => "fine");
await ends("an error", 0, fail);
await ends("no such kind", 0, fail, { kindOf: () => "nonsense" });
await ends("a mistake in kindOf", 0, fail, { kindOf: wrong });
await ends("a deadline", 0, hang, { within: 1 });
await ends("no such caller", 0, hang, { caller: { priority: "royal" } });

const caller = new AbortController();
await ends("gone at once", 0, async () => caller.abort(new Error("gone")), { signal: caller.signal });
await ends("gone before", 0, fail, { signal: caller.signal });
const hedged = new AbortController();
await ends("gone in the middle of an answer", 2, async () => hedged.abort(new Error("gone")), { signal: hedged.signal });
console.log("timers left:", process.getActiveResourcesInfo().filter((name) => name === "Timeout").length);

const [running, waiting] = [new AbortController(), new AbortController()];
const first = guard(0, hang, { signal: running.signal }).catch((error) => error.message);
const second = guard(0, hang, { signal: waiting.signal }).catch((error) => error.message);
await ends("no place", 0, fail);
waiting.abort(new Error("left the queue"));
console.log(`${await second}; in flight: ${report().calls}`);
const next = guard(0, async () => "next");
running.abort(new Error("left"));
console.log(`${await first}, ${await next}; in flight: ${report().calls}`);

const substitute = async (position, failure) => `${failure?.reason ?? failure} at ${position}`;
await ends("a label", 1, async () => "busy", { substitute });
await ends("its value in the document", 1, async () => "busy");
// in one answer: the first attempt is cancelled, its substitute begins, and so does the second attempt
await ends("two at once", 2, hang, { substitute });
// the second attempt waits for the place that the first one gives back: the call wakes itself
let begun = 0;
const failing = (_, reject) => setTimeout(() => reject(new Error("its own")), 20);
await ends("woken by itself", 5, () => ((begun += 1) === 1 ? new Promise(failing) : "second"));

await ends("a shared strategy", 3, hang);
await ends("a long label", 3, async () => long);
const inside = new AbortController();
const held = guard(4, hang, { signal: inside.signal }).catch(() => {});
await ends("shed", 4, async () => "in", { caller: { priority: "background" } });
await ends("not shed", 4, async () => "in", { caller: { tenant: "acme" } });
inside.abort();
await held;

const late = guard(2, hang, { substitute });
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30); // ms in which nothing rings
console.log(`late alarms: ${await late}; in flight: ${report().calls}`);

const timer = globalThis.setTimeout;
const asked = [];
globalThis.setTimeout = (ring, ms) => asked.push(ms);
const patient = new AbortController();
const far = guard(0, hang, { within: 2 ** 40, signal: patient.signal }).catch((error) => error.message);
globalThis.setTimeout = timer;
patient.abort(new Error("gone"));
const years = asked.length && asked.every((ms) => ms < 2 ** 31) ? "after 30 years" : asked;
console.log(`${years}: ${await far}; in flight: ${report().calls}`);

for (const kind of ["cache", "idempotency"]) {
  const kept = kind === "cache" ? { kind, fresh_for: 1 } : { kind };
  const refused = makeHost({ shared: { kept }, policies: { p: { strategies: [{ shared: "kept" }] } } });
  console.log(await refused.catch((error) => error.message));
}
console.log(await makeHost({ policies: [] }).catch((error) => error.message));

// a trap: whoever runs and whoever waits gets an error, and nobody enters the instance again
const run = Promise.withResolvers();
const kept = [guard(0, () => run.promise), guard(0, hang)].map((call) => call.catch((error) => error.constructor.name));
for (const memory of memories) new Uint8Array(memory.buffer).fill(0xff);
run.resolve();
console.log("a trap:", ...(await Promise.all(kept)), await guard(0, hang).catch((error) => error.constructor.name));
