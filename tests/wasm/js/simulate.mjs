// Runs a conformance vector on an engine of the JavaScript package, in virtual time.
//
// Written from tests/conformance/README.md; runs under Node and in a browser. Times are BigInt in whole nanoseconds.

const NEVER = 1n << 62n;
const NO_TOKEN = (1n << 64n) - 1n;
const KINDS = new Set(
  ("cancelled validation auth permission missing conflict state throttle capacity timeout connect disconnect " +
    "unavailable internal data unsupported rejected programming unknown result").split(" "),
);

const ns = (ms) => BigInt(Math.round(ms * 1e6));

/** The vectors of a file; whole numbers that a double would round become BigInt. */
export function parse(text) {
  return JSON.parse(text, (key, value, { source } = {}) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(source) : value,
  );
}

/** JSON with whole numbers of any size. */
export function write(result) {
  return JSON.stringify(result, (key, value) => (typeof value === "bigint" ? JSON.rawJSON(String(value)) : value));
}

/** [event, what the trace says of it, what goes in]. */
function outcome(written) {
  if (typeof written === "string") {
    return KINDS.has(written) ? ["error", { kind: written }, written] : ["ok", written, written];
  }
  if ("value" in written) return ["ok", written.value, written.value];
  const { retry_after: pause, ...failure } = written;
  if (pause !== undefined) failure.retry_after = String(ns(pause));
  return ["error", failure, JSON.stringify(failure)];
}

class Agenda {
  now = 0n;
  #items = [];

  add(at, run) {
    let i = this.#items.length;
    while (i && this.#items[i - 1].at > at) i -= 1;
    this.#items.splice(i, 0, { at, run });
  }

  run() {
    for (let item; (item = this.#items.shift()); ) {
      if (item.at > this.now) this.now = item.at;
      item.run();
    }
  }
}

class Call {
  trace = [];
  #values = new Map();
  #failures = new Map();
  #begun = { attempt: 0, substitute: 0 };
  #tokens = [];
  #running = new Set(); // tokens of operations that are outstanding
  #several = false; // have there been two at once?
  #mode = "new";
  #handle;

  constructor(written, policy, world) {
    Object.assign(this, { written, policy, world, agenda: world.agenda });
    const at = (when, run) => this.agenda.add(ns(when), run);
    at(written.at, () => this.step("start"));
    if ("abort" in written) at(written.abort, () => this.step("abort"));
    for (const stray of written.strays ?? []) at(stray.at, () => this.#stray(stray));
  }

  #note(...entry) {
    this.trace.push([this.agenda.now, ...entry]);
  }

  step(event, token = 0n, value = undefined, detail = undefined, reads = this.agenda.now) {
    const { engine, interruptible } = this.world;
    if (event === "wake" && this.#running.size && !interruptible) return; // this host is inside the operation
    if (event === "ok" || event === "error") this.#running.delete(token);
    const kept = { ok: this.#values, error: this.#failures }[event];
    if (kept && !kept.has(token)) kept.set(token, value);
    if (event === "start" ? this.#mode !== "new" : this.#mode === "new" || this.#mode === "over") return;
    let decision;
    if (event === "start") {
      const { deadline, queue = true, priority, tenant } = this.written;
      const limit = deadline === undefined ? undefined : ns(deadline) < 0n ? 0n : ns(deadline);
      const wake = queue ? () => this.agenda.add(this.agenda.now, () => this.step("wake")) : undefined;
      decision = engine.begin(this.policy, reads, { deadline: limit, wake, caller: { priority, tenant } });
    } else if (event === "abort") {
      this.#note("aborted");
      this.#mode = "over";
      decision = engine.close(this.#handle, reads);
    } else {
      decision = engine.step(this.#handle, event, { token, now: reads, detail });
    }
    this.#handle = decision.call;
    const ended = [];
    for (const [what, ...rest] of decision.before) ended.push(...this.#carryOut(what, rest, decision));
    const last = decision.action === "wait" ? [decision.time] : [decision.token, decision.time, decision.position];
    ended.push(...this.#carryOut(decision.action, last, decision));
    for (const [what, ...rest] of ended) this.step(what, ...rest);
  }

  /** Do what an action asks; the outcome of an operation that takes no time. */
  #carryOut(what, [first, second, position], decision) {
    switch (what) {
      case "attempt":
        this.#note(what);
        return this.#operate(what, first, second, this.written.attempts ?? [[0, "ok"]]);
      case "substitute":
        this.#note(what, position);
        return this.#operate(what, first, second, this.written.substitutes ?? [[0, "substitute"]]);
      case "wait":
        this.#mode = "queued";
        this.#note(what, first >= NEVER ? null : first);
        if (first < NEVER) this.agenda.add(first, () => this.step("wake"));
        break;
      case "cancel":
        this.#running.delete(first);
        this.#note(what, ...(this.#several ? [this.#tokens.indexOf(first) + 1] : []));
        break;
      case "complete":
        this.#mode = "over";
        this.#note(what, this.#values.get(first));
        break;
      case "fail": {
        this.#mode = "over";
        const failure = first ? this.#failures.get(first) : decision.failure;
        const pause = failure.retryAfter ?? failure.retry_after;
        this.#note(what, failure.kind, failure.reason ?? "", ...(pause === undefined ? [] : [BigInt(pause)]));
        break;
      }
    }
    return [];
  }

  #operate(what, token, deadline, script) {
    this.#mode = "running";
    const [took, written] = script[Math.min(this.#begun[what], script.length - 1)];
    this.#begun[what] += 1;
    this.#tokens.push(token);
    this.#running.add(token);
    if (this.#running.size > 1) this.#several = true;
    const [event, value, detail] = outcome(written);
    if (!took) return [[event, token, value, detail]];
    this.agenda.add(this.agenda.now + ns(took), () => this.step(event, token, value, detail));
    if (deadline < NEVER && this.world.interruptible) this.agenda.add(deadline, () => this.step("wake"));
    return [];
  }

  #stray({ send, operation, outcome: written, reads }) {
    const clock = reads === undefined ? undefined : ns(reads);
    if (send !== "outcome") return this.step(send, 0n, undefined, undefined, clock);
    const [event, value, detail] = outcome(written);
    return this.step(event, this.#tokens[operation - 1] ?? NO_TOKEN, value, detail, clock);
  }
}

/** What `engine`, which is empty, makes of vectors by name; it is empty again before each, and its clock begins anew. */
export function runAll(vectors, engine) {
  const empty = engine.snapshot(0n);
  const one = (vector) => {
    engine.restore(empty, { now: 0n });
    return run(vector, engine) ?? null;
  };
  return Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, one(vector)]));
}

/** What `engine`, which is empty, makes of the vector; undefined for one with predicates, which are no data. */
export function run(vector, engine) {
  if ("raising" in vector || "pending" in vector) return undefined;
  const written = [vector.policy, ...(vector.others ?? [])];
  const policies = written.map((policy, number) => ({ seed: 0, ...policy, name: `${number}: ${policy.name}` }));
  const handles = engine.add({ policies, shared: vector.shared ?? {} }, 0n);
  const world = { engine, agenda: new Agenda(), interruptible: vector.interruptible ?? true };
  const calls = vector.calls.map((call) => new Call(call, handles[call.policy ?? 0], world));
  const refused = [];
  let kept;
  for (const { at, do: what, strategy, damage } of vector.manual ?? []) {
    const now = ns(at);
    world.agenda.add(now, () => {
      const take = () => JSON.parse(engine.snapshotPolicy(handles[0], now, now));
      if (what === "keep") kept = take();
      else if (what === "resume" || what === "revive") {
        const snapshot = structuredClone(kept ?? take());
        if (damage !== undefined) (kept ?? snapshot).state.strategies[damage].options = snapshot.state.strategies[damage].options = "damaged";
        try {
          engine.restorePolicy(handles[0], snapshot, { now, mode: what, wall: now });
        } catch (error) {
          if (error.kind !== "invalid-snapshot") throw error;
          refused.push(now);
        }
      } else engine.control(handles[0], strategy, what.replaceAll("_", "-"), now);
    });
  }
  world.agenda.run();
  const end = "end" in vector ? ns(vector.end) : world.agenda.now;
  const final = JSON.parse(engine.snapshotPolicy(handles[0], end)).state.strategies.map((part) => part.state);
  return { calls: calls.map((call) => call.trace), refused, final };
}
