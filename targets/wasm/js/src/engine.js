// `Engine`: the component with plain values in and out, replaced when it breaks.

import { classify } from "./classify.js";
import { CallLost, EngineError } from "./errors.js";
import { instantiate, Trap } from "./instance.js";
import { parts } from "./parts.js";
import { Policy } from "./policy.js";
import { Recovering } from "./recovery.js";
import { written } from "./values.js";

/** Nanoseconds of a monotonic clock. */
function monotonic() {
  return BigInt(Math.round(performance.now() * 1e6));
}

function randomSeed() {
  return crypto.getRandomValues(new BigUint64Array(1))[0];
}

export class Engine {
  #inside;
  #policies = new Map(); // name → [handle, its row of the document]
  #places = new Map(); // of the calls that came with the latest snapshot: policy, token, whether they wait
  #wakes = new Map(); // handle of a call → whom to tell that a gate has let it in

  /** An instance without policies. See `Engine.load`. */
  static async create({ component, clock = monotonic, timers = globalThis, classify: own = classify } = {}) {
    const from = await parts(component);
    const make = () => instantiate(from);
    const engine = new Engine();
    engine.#inside = new Recovering(await make(), make, (woken) => engine.#ring(woken ?? [...engine.#wakes.keys()]));
    engine.now = clock;
    engine.restored = 0; // times
    engine.timers = timers;
    engine.classify = own;
    return engine;
  }

  /** An engine with the policies of a document: JSON text, or what it says as an object. */
  static async load(config, { seed, ...options } = {}) {
    const engine = await Engine.create(options);
    engine.add(config, seed);
    return engine;
  }

  /** Add the policies of a document; their handles. A `seed` replays; without one it is random. */
  add(config, seed = randomSeed()) {
    const text = written("invalid-config", config);
    const first = this.#tell("load", [text, seed]);
    return rowsOf(text).map((row, number) => {
      const handle = first + BigInt(number);
      this.#policies.set(row.name, [handle, row]);
      return handle;
    });
  }

  policy(name, options) {
    const found = this.#policies.get(name);
    if (!found) throw new EngineError("unknown-policy", `there is no policy ${String(name)}`);
    return new Policy(this, found[0], found[1], options);
  }

  unload(policy) {
    const handle = this.#handle(policy);
    this.#tell("unload", [handle]);
    for (const [name, [known]] of this.#policies) if (known === handle) this.#policies.delete(name);
  }

  begin(policy, now, { deadline, queue = false, wake, caller } = {}) {
    const who = caller && written("invalid-caller", caller);
    const decision = this.#tell("begin", [this.#handle(policy), now, deadline, queue || wake !== undefined, who]);
    if (wake !== undefined && !decision.over) this.#wakes.set(decision.call, wake);
    return this.#done(decision);
  }

  step(call, event, { token = 0n, now, detail } = {}) {
    const decision = this.#tell("step", [call, event, token, now, detail], call);
    if (decision.over || event === "abort") this.#wakes.delete(decision.call);
    return this.#done(decision);
  }

  close(call, now) {
    const decision = this.#tell("close", [call, now], call);
    this.#wakes.delete(decision.call);
    return this.#done(decision);
  }

  /** Have `wake` called when a gate lets this call in: for calls that came with a snapshot. */
  attach(call, wake) {
    this.#wakes.set(BigInt(call), wake);
  }

  /** Did this call come with the latest snapshot, of that very policy and where its host believes it to be? */
  stands(call, policy, token, waits) {
    return this.#places.get(call) === `${policy} ${token} ${waits}`;
  }

  control(policy, position, command, now) {
    this.#tell("control", [this.#handle(policy), position, command, now]);
  }

  report(now = this.now()) {
    return JSON.parse(this.#ask("report", [now]));
  }

  snapshot(now = this.now(), wall) {
    return this.#ask("snapshot", [now, wall]);
  }

  /**
   * Become what the snapshot says. Calls of this engine that it does not know are lost. Times in it are relative: of calls
   * that live on, alarms stay only with the snapshot's own `now`, or with `wall` on both sides.
   */
  restore(snapshot, { now = this.now(), mode = "resume", wall } = {}) {
    this.#tell("restore", [snapshot, mode, now, wall]);
    this.#become(JSON.parse(snapshot).state, mode);
    this.#inside.save();
  }

  /** Know of policies and calls what a snapshot says that was restored. */
  #become({ begun, documents, policies, calls }, mode) {
    const before = new Map(this.#policies.values());
    this.#inside.begun = BigInt(begun);
    const rows = new Map();
    for (const [text, , first] of documents) rowsOf(text).forEach((row, i) => rows.set(BigInt(first) + BigInt(i), row));
    const handles = policies.map(([handle]) => BigInt(handle));
    this.#policies = new Map(handles.map((handle) => [rows.get(handle).name, [handle, rows.get(handle)]]));
    this.#places = new Map();
    for (const [call, policy, , { state }] of mode === "resume" ? calls : []) {
      const same = JSON.stringify(before.get(BigInt(policy))) === JSON.stringify(rows.get(BigInt(policy)));
      const waits = state.mode === "queued" || state.mode === "paused";
      if (same) this.#places.set(BigInt(call), `${policy} ${state.token} ${waits}`);
    }
    this.restored += 1;
    const known = new Set(mode === "resume" ? calls.map(([call]) => BigInt(call)) : []);
    const lost = [...this.#wakes.keys()].filter((call) => !known.has(call));
    this.#ring(lost); // or they would wait for ever
    for (const call of lost) this.#wakes.delete(call);
  }

  snapshotPolicy(policy, now = this.now(), wall) {
    return this.#ask("snapshotPolicy", [this.#handle(policy), now, wall]);
  }

  restorePolicy(policy, snapshot, { now = this.now(), mode = "revive", wall } = {}) {
    const text = written("invalid-snapshot", snapshot);
    this.#tell("restorePolicy", [this.#handle(policy), text, mode, now, wall]);
  }

  /** How often the instance broke and was replaced. */
  get replacements() {
    return this.#inside.replacements;
  }

  /** Resolves at once, or when the instance that broke has been replaced. */
  ready() {
    return this.#inside.ready();
  }

  get replacing() {
    return this.#inside.replacing;
  }

  /** Give the memory back. Every later call is an error of kind "shut". */
  shut() {
    this.#inside.shut();
    this.#wakes.clear();
  }

  #handle(policy) {
    if (typeof policy !== "string") return policy;
    const found = this.#policies.get(policy);
    if (!found) throw new EngineError("unknown-policy", `there is no policy ${policy}`);
    return found[0];
  }

  #tell(name, args, call) {
    return this.#guarded(() => this.#inside.tell(name, args), call);
  }

  #ask(name, args) {
    return this.#guarded(() => this.#inside.ask(name, args));
  }

  #guarded(enter, call) {
    try {
      return enter();
    } catch (error) {
      if (error instanceof Trap && call !== undefined) this.#wakes.delete(BigInt(call));
      if (error instanceof Trap) throw new CallLost(`${error.message}; the instance is being replaced`, { cause: error });
      throw error;
    }
  }

  #done(decision) {
    this.#ring(decision.woken);
    return decision;
  }

  #ring(woken) {
    for (const call of woken) {
      try {
        this.#wakes.get(call)?.();
      } catch {
        this.close(call, this.#inside.now); // nobody will come for the place
      }
    }
  }
}

/** The policies of a document that the engine has taken, shared strategies in their places. */
function rowsOf(text) {
  const { policies, shared = {} } = JSON.parse(text);
  const rows = Array.isArray(policies) ? policies : Object.entries(policies).map(([name, row]) => ({ ...row, name }));
  return rows.map((row) => ({
    ...row,
    name: row.name ?? "",
    strategies: (row.strategies ?? []).map((part) => ("shared" in part ? shared[part.shared] : part)),
  }));
}
