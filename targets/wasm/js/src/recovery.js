// An instance that can be replaced. What has happened is kept outside it: a snapshot and the inputs since.
//
// The engine is deterministic, so telling a new instance the same inputs leads to the same state. What is left out is the
// one input at which the old instance broke; in its place the call that it belonged to is closed. Each decision is compared
// with the one that was given: a call that would be told something else is not where its host believes, and is closed too.

import { EngineError } from "./errors.js";
import { written } from "./values.js";

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
  #spare; // from the first snapshot on
  #preparing;
  #make;
  #woken;
  #replacement; // a promise while a new instance is made
  #snapshot; // [text, when]
  #journal = []; // [name, arguments, what the decision asks for; undefined: nobody has acted on it]
  #told = 0; // entries of the journal that count
  #broke; // the input at which the instance broke
  #due = FEWEST;

  /** `woken` is given the handles of calls that may go on; nothing, when calls are gone and all who wait are to look. */
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
    if (this.replacing && name === "close") this.#journal[this.#told++] = [name, [args[0], this.now]]; // who goes is gone
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
      const answer = inside.call(name, args);
      if (entry && OF_CALLS.has(name)) entry.push(asked(answer));
      return answer;
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
    if (this.#spare === undefined) this.#prepare();
  }

  /** A spare instance, for those who come while another one would be made. Without one they wait. */
  #prepare() {
    this.#preparing ??= (async () => this.#make?.())()
      .then((spare) => (this.#spare = this.#make && spare))
      .catch(() => {})
      .finally(() => (this.#preparing = undefined));
  }

  shut() {
    this.#make = undefined;
    this.#inside = undefined;
    this.#spare = undefined;
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

  /** An instance that knows what the old one knew. Should that fail: the policies, without calls in flight. */
  async #anew() {
    this.replacements += 1;
    this.#journal.length = this.#told;
    const [name, args] = this.#broke ?? [];
    this.#broke = undefined;
    if (name === "step" || name === "close") this.#told = this.#journal.push(["close", [args[0], this.now]]);
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare && this.#resume(spare)) return;
    if (this.#resume(await this.#make())) return;
    this.incomplete += 1;
    const inside = await this.#make();
    this.#rebuild(inside, "revive", this.#journal.filter(([name]) => !OF_CALLS.has(name)));
    const data = JSON.parse(inside.call("snapshot", [this.now]));
    data.state.begun = Number(this.begun); // a handle is never given twice
    const text = JSON.stringify(data);
    inside.call("restore", [text, "revive", this.now]);
    this.#snapshot = [text, this.now];
    this.#told = 0;
    this.#enterInto(inside);
  }

  /** Does the instance know now what the old one knew? */
  #resume(inside) {
    try {
      const [astray, woken] = this.#rebuild(inside, "resume", this.#journal);
      const closing = astray.map((call) => ["close", [call, this.now]]);
      for (const [name, args] of closing) inside.call(name, args);
      this.#told = this.#journal.push(...closing);
      this.#enterInto(inside, woken);
      return true;
    } catch {
      return false;
    }
  }

  #enterInto(inside, woken) {
    if (this.#make === undefined) return; // shut meanwhile
    this.#inside = inside;
    queueMicrotask(() => this.#woken(woken));
  }

  /** The calls that were told something else this time, and who may go on (undefined: perhaps all who wait). */
  #rebuild(inside, mode, journal) {
    const astray = new Set();
    let woken = [];
    if (this.#snapshot) inside.call("restore", [this.#snapshot[0], mode, this.#snapshot[1]]);
    for (const [name, args, told] of journal) {
      try {
        const answer = inside.call(name, args);
        if (!OF_CALLS.has(name)) continue;
        if (told === undefined) woken?.push(...answer.woken); // who is woken by the others has been told
        else {
          const [call, acts, others] = asked(answer);
          if (call !== told[0]) throw new EngineError("internal", `call ${told[0]} has become call ${call}`);
          if (acts !== told[1]) astray.add(call);
          if (others !== told[2]) woken = undefined;
        }
      } catch (error) {
        if (!(error instanceof EngineError) || (name !== "step" && name !== "close")) throw error;
        if (told !== undefined) astray.add(told[0]);
      }
    }
    return [[...astray], astray.size ? undefined : woken];
  }
}

/** The call that a decision is about, what it asks of the host for it, and whom it names. */
function asked({ call, action, token, time, before, position, operation, failure, woken }) {
  const rest = before.length || failure ? written("internal", [before, failure]) : "";
  return [call, `${action} ${token} ${time} ${position} ${operation} ${rest}`, String(woken)];
}
