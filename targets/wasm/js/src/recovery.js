// An instance that can be replaced. What has happened is kept outside it: a snapshot and the inputs since.
//
// The engine is deterministic, so telling a new instance the same inputs leads to the same state. What is left out is the
// one input at which the old instance broke; in its place the call that it belonged to is closed.

import { EngineError } from "./errors.js";

const FEWEST = 256; // inputs before a snapshot is taken,
const PER_CALL = 8; // or so many for each call in flight
const NOW = { begin: 1, step: 3, close: 1, control: 3, restorePolicy: 3 }; // where the time stands
const OF_CALLS = new Set(["begin", "step", "close"]);
const UNSURE = new Set(["internal", "out-of-memory"]); // after these the journal may not be what is inside

export class Recovering {
  replacements = 0;
  incomplete = 0; // replacements in which all calls in flight were lost
  now = 0n; // the latest time that was told
  begun = 0n; // the latest handle that was given
  #inside; // undefined from the moment at which it breaks until there is a new one
  #make;
  #woken;
  #replacement; // a promise while a new instance is made
  #snapshot; // [text, when]
  #journal = [];
  #told = 0; // entries of the journal that count
  #broke; // the input at which the instance broke
  #due = FEWEST;

  constructor(inside, make, woken) {
    this.#inside = inside;
    this.#make = make;
    this.#woken = woken;
  }

  /** Is there no instance at the moment? Nothing can be told meanwhile. */
  get replacing() {
    return this.#inside === undefined && this.#make !== undefined;
  }

  /** A call that changes nothing. */
  ask(name, args) {
    return this.#enter(name, args);
  }

  /** A call that changes what is inside. */
  tell(name, args) {
    if (this.#told >= this.#due) this.save();
    const entry = [name, args];
    this.#journal[this.#told] = entry;
    const result = this.#enter(name, args, entry);
    this.#told += 1;
    if (name === "restore") this.now = BigInt(args[2]); // possibly another clock
    else if (name in NOW) {
      const now = BigInt(args[NOW[name]]);
      if (now > this.now) this.now = now;
    }
    if (name === "begin") this.begun = result.call;
    return result;
  }

  #enter(name, args, entry) {
    const inside = this.#inside;
    if (inside === undefined) throw this.#absent();
    try {
      return inside.call(name, args);
    } catch (error) {
      // The worst is assumed first: the stack may be full, and then whatever calls something throws once more.
      this.#inside = undefined;
      this.#broke = entry;
      if (error instanceof EngineError && !UNSURE.has(error.kind)) {
        this.#inside = inside;
        this.#broke = undefined;
      } else this.ready();
      throw error;
    }
  }

  #absent() {
    if (this.#make === undefined) return new EngineError("shut", "this engine is shut");
    this.ready();
    return new EngineError("replacing", "the instance broke and is being replaced");
  }

  /** Begin a new journal, if the state can be saved; else go on with a longer one. */
  save() {
    let text;
    try {
      text = this.#enter("snapshot", [this.now]);
    } catch (error) {
      this.#due *= 2;
      if (error instanceof EngineError && !UNSURE.has(error.kind) && error.kind !== "replacing") return;
      throw error;
    }
    this.#snapshot = [text, this.now];
    this.#told = 0;
    this.#due = Math.max(FEWEST, PER_CALL * text.split('"kind":"call"').length);
  }

  shut() {
    this.#make = undefined;
    this.#inside = undefined;
  }

  /** Resolves when there is an instance: at once, or when the one that broke has been replaced. */
  ready() {
    if (!this.replacing) return Promise.resolve();
    // on a fresh stack; should it fail, whoever comes next tries again
    this.#replacement ??= Promise.resolve()
      .then(() => this.#anew())
      .finally(() => (this.#replacement = undefined))
      .catch(() => {});
    return this.#replacement;
  }

  /** A new instance that knows what the old one knew. Should that fail: the policies, without calls in flight. */
  async #anew() {
    this.replacements += 1;
    this.#journal.length = this.#told;
    const [name, args] = this.#broke ?? [];
    this.#broke = undefined;
    if (name === "step" || name === "close") this.#told = this.#journal.push(["close", [args[0], this.now]]);
    try {
      await this.#rebuild("resume", this.#journal);
    } catch {
      this.incomplete += 1;
      const inside = await this.#rebuild("revive", this.#journal.filter(([name]) => !OF_CALLS.has(name)));
      const data = JSON.parse(inside.call("snapshot", [this.now]));
      data.state.begun = Number(this.begun); // a handle is never given twice
      const text = JSON.stringify(data);
      inside.call("restore", [text, "revive", this.now]);
      this.#snapshot = [text, this.now];
      this.#told = 0;
    }
  }

  async #rebuild(mode, journal) {
    const inside = await this.#make();
    let woken = [];
    if (this.#snapshot) inside.call("restore", [this.#snapshot[0], mode, this.#snapshot[1]]);
    journal.forEach(([name, args], number) => {
      try {
        const answer = inside.call(name, args);
        if (name === "close" && number === journal.length - 1) woken = answer.woken; // the others have been told
      } catch (error) {
        if (name !== "close" || !(error instanceof EngineError)) throw error;
      }
    });
    this.#inside = inside;
    queueMicrotask(() => this.#woken(woken));
    return inside;
  }
}
