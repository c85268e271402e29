// Guarded calls: the loop of `docs/wasm.md`, with promises, timers and AbortSignals.

import { CallLost, DeadlineExceeded, EngineError, errorOf, Missing } from "./errors.js";
import { NEVER, written } from "./values.js";

const LONGEST_TIMER = 2 ** 31 - 1; // ms
const LOOKUPS = new Set(["cache", "idempotency"]);
const MOST_REPLACEMENTS = 10; // that one event waits for

export class Policy {
  #labels;

  constructor(engine, handle, row, { classify = engine.classify, fallback, lookup } = {}) {
    this.engine = engine;
    this.handle = handle;
    this.name = row.name;
    this.strategies = row.strategies;
    this.classify = classify;
    this.fallback = fallback;
    this.lookup = lookup;
    if (!lookup && row.strategies.some(({ kind }) => kind === "idempotency")) {
      throw new EngineError("invalid-config", `policy ${this.name} has an Idempotency and no lookup: calls would be made twice`);
    }
    this.#labels = new Set(row.strategies.flatMap((part) => part.results ?? []));
  }

  /** Call `operation(signal)` under the policy. */
  async call(operation, { signal, deadline, queue = true, caller } = {}) {
    signal?.throwIfAborted();
    if (this.engine.replacing) await this.engine.ready();
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      new Call(this, operation, { signal, deadline, queue, caller, resolve, reject }).begin();
    });
  }

  /** `inner(signal, ...args)` as a guarded function of `args`. */
  wrap(inner, options) {
    return (...args) => this.call((signal) => inner(signal, ...args), options);
  }

  control(position, command) {
    this.engine.control(this.handle, position, command, this.engine.now());
  }

  snapshot(wall) {
    return JSON.parse(this.engine.snapshotPolicy(this.handle, this.engine.now(), wall));
  }

  restore(snapshot, options) {
    this.engine.restorePolicy(this.handle, snapshot, options);
  }

  /** What goes in of a value: itself, if it is one of the labels that `results` names. */
  label(value) {
    return typeof value === "string" && this.#labels.has(value) ? value : undefined;
  }

  /** The substitute of the strategy at `position`. */
  substitute(position, error, signal) {
    const { kind, value } = this.strategies[position];
    if (LOOKUPS.has(kind)) return this.lookup ? this.lookup(error, signal, position) : Promise.reject(new Missing());
    return this.fallback && kind === "fallback" ? this.fallback(error, signal, position) : value;
  }
}

/** One call: outcomes and timers in, effects out. */
class Call {
  #policy;
  #engine;
  #operation;
  #options;
  #handle;
  #running = new Map(); // token → { controller, timer }
  #values = new Map();
  #errors = new Map();
  #wait;
  #limit;
  #over = false;
  #token = 0n; // the latest one
  #waits = false;
  #restored = 0;
  #gone = () => this.#leave(this.#options.signal.reason);

  constructor(policy, operation, options) {
    this.#policy = policy;
    this.#engine = policy.engine;
    this.#operation = operation;
    this.#options = options;
    this.#restored = policy.engine.restored;
  }

  begin() {
    const { signal, deadline, queue, caller } = this.#options;
    const wake = queue ? () => queueMicrotask(() => this.#tell("wake")) : undefined;
    signal?.addEventListener("abort", this.#gone, { once: true }); // before the operation begins, which may abort it
    this.#step(() => this.#engine.begin(this.#policy.handle, this.#engine.now(), { deadline, wake, caller }));
    if (this.#over) return;
    if (deadline !== undefined) {
      this.#limit = this.#timer(BigInt(deadline), () => this.#leave(new DeadlineExceeded(this.#policy.name)));
    }
  }

  #tell(event, token = 0n, detail = undefined, patience = MOST_REPLACEMENTS) {
    if (this.#over) return;
    if (this.#engine.replacing && patience) {
      this.#engine.ready().then(() => this.#tell(event, token, detail, patience - 1));
      return;
    }
    if (this.#strange()) {
      this.#leave(new CallLost(`call ${this.#handle}: a snapshot was restored that does not have it`));
      return;
    }
    this.#step(() => this.#engine.step(this.#handle, event, { token, now: this.#engine.now(), detail }));
  }

  /** Was a snapshot restored in which somebody else, or nobody, has this handle? */
  #strange() {
    const engine = this.#engine;
    if (engine.restored === this.#restored) return false;
    if (!engine.stands(this.#handle, this.#policy.handle, this.#token, this.#waits)) return true;
    this.#restored = engine.restored;
    return false;
  }

  #step(enter) {
    let decision;
    try {
      decision = enter();
    } catch (error) {
      const gone = error.kind === "closed" || error.kind === "unknown-call";
      this.#leave(gone ? new CallLost(`${error.message}: the engine went on without it`, { cause: error }) : error);
      return;
    }
    this.#handle = decision.call;
    for (const [what, ...rest] of decision.before) {
      if (what === "wait") this.#carryOut(what, 0n, ...rest);
      else this.#carryOut(what, ...rest);
    }
    this.#carryOut(decision.action, decision.token, decision.time, decision.position, decision);
  }

  /** `why` says which operation, or which failure of the engine's own, leads to this. */
  #carryOut(what, token, time, position, why) {
    if (what === "attempt" || what === "substitute") this.#token = token;
    if (what !== "none" && what !== "cancel") this.#waits = what === "wait";
    switch (what) {
      case "attempt":
        this.#start(token, time, this.#operation);
        break;
      case "substitute": {
        const { operation, failure } = why;
        const error = operation === undefined ? failure && errorOf(this.#policy.name, failure) : this.#errors.get(operation);
        this.#start(token, time, (signal) => this.#policy.substitute(position, error, signal));
        break;
      }
      case "wait":
        this.#stop(this.#wait);
        this.#wait = this.#timer(time, () => this.#tell("wake"));
        break;
      case "cancel":
        this.#cancel(token, new DOMException("the policy stopped this operation", "AbortError"));
        break;
      case "complete":
        this.#end(() => this.#options.resolve(this.#values.get(token)));
        break;
      case "fail":
        this.#end(() => this.#options.reject(token ? this.#errors.get(token) : errorOf(this.#policy.name, why.failure)));
        break;
    }
  }

  #start(token, time, operation) {
    const running = { controller: new AbortController(), timer: this.#timer(time, () => this.#tell("wake")) };
    this.#running.set(token, running);
    const settled = (kept, value, event, detail) => {
      if (!this.#running.delete(token)) return; // cancelled: nobody wants to know
      this.#stop(running.timer);
      kept.set(token, value);
      let label;
      try {
        label = detail(value);
      } catch {
        label = undefined; // a classifier with a mistake: of a kind that nobody knows
      }
      this.#tell(event, token, label);
    };
    new Promise((resolve) => resolve(operation(running.controller.signal))).then(
      (value) => settled(this.#values, value, "ok", (given) => this.#policy.label(given)),
      (error) => settled(this.#errors, error, "error", (given) => (given instanceof Missing ? "missing" : written("invalid-event", this.#policy.classify(given)))),
    );
  }

  #cancel(token, reason) {
    const running = this.#running.get(token);
    this.#running.delete(token);
    this.#stop(running?.timer);
    running?.controller.abort(reason);
  }

  /** The caller goes, or this call cannot go on: give back what it holds. */
  #leave(reason) {
    if (this.#over) return;
    const handle = this.#handle;
    this.#end(() => this.#options.reject(reason));
    for (const token of [...this.#running.keys()]) this.#cancel(token, reason);
    const close = () => {
      try {
        this.#engine.close(handle, this.#engine.now());
      } catch {
        // lost with its instance, or the engine is shut
      }
    };
    if (handle === undefined || this.#strange()) return;
    if (this.#engine.replacing) this.#engine.ready().then(close);
    else close();
  }

  #end(settle) {
    this.#over = true;
    this.#stop(this.#wait);
    this.#stop(this.#limit);
    this.#options.signal?.removeEventListener("abort", this.#gone);
    settle();
  }

  /** Calls `ring` when the engine's clock says `time`; never early. */
  #timer(time, ring) {
    if (time >= NEVER) return undefined;
    const timer = {};
    const arm = () => {
      const rest = time - this.#engine.now();
      if (rest <= 0n && timer.id !== undefined) return ring();
      const ms = rest <= 0n ? 0 : Math.min(Math.ceil(Number(rest) / 1e6), LONGEST_TIMER);
      timer.id = this.#engine.timers.setTimeout(arm, ms);
    };
    arm();
    return timer;
  }

  #stop(timer) {
    if (timer) this.#engine.timers.clearTimeout(timer.id);
  }
}
