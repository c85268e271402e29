// One instance of the component: its exports by name, checked arguments in, typed answers out.

import { EngineError } from "./errors.js";
import { decision, event, flag, maybe, string, u32, u64 } from "./values.js";

const PACKAGE = (name) => `backstay:reliability/${name}@0.1.0`;
const same = (value) => value;
const [policy, now, wall] = [u64("policy"), u64("now"), maybe(u64("wall"))];
const [snapshot, mode] = [string("snapshot", "snapshot"), string("mode", "word")];

//  name: interface, function, arguments, result
const EXPORTS = {
  load: ["configuration", "load", [string("document", "document"), u64("seed")], same],
  unload: ["configuration", "unload", [policy], same],
  begin: ["calls", "begin", [policy, now, maybe(u64("deadline")), flag(), maybe(string("caller", "detail"))], decision],
  step: ["calls", "step", [u64("call"), event, u64("token"), now, maybe(string("detail", "detail"))], decision],
  close: ["calls", "close", [u64("call"), now], decision],
  snapshotPolicy: ["state", "snapshotPolicy", [policy, now, wall], same],
  restorePolicy: ["state", "restorePolicy", [policy, snapshot, mode, now, wall], same],
  snapshot: ["state", "snapshot", [now, wall], same],
  restore: ["state", "restore", [snapshot, mode, now, wall], same],
  control: ["operation", "control", [policy, u32("position"), string("command", "word"), now], same],
  report: ["operation", "report", [now], same],
};

/** The component did not return: this instance is unusable from now on. */
export class Trap extends Error {}

/** A new instance. `parts` is what `parts()` of parts.js resolves to. */
export async function instantiate(parts) {
  let root;
  try {
    root = await parts.instantiate(parts.module, {});
  } catch (error) {
    throw new EngineError("incompatible", `the component cannot be started: ${error.message}`);
  }
  const functions = {};
  for (const [name, [home, method, checks, read]] of Object.entries(EXPORTS)) {
    const found = root[PACKAGE(home)]?.[method];
    if (typeof found !== "function") throw new EngineError("incompatible", `it lacks ${PACKAGE(home)} ${method}`);
    functions[name] = [found, checks, read];
  }
  return new Instance(functions);
}

class Instance {
  #functions;

  constructor(functions) {
    this.#functions = functions;
  }

  /** Throws `EngineError`; or `Trap`, after which this instance is of no use. */
  call(name, args) {
    const [inside, checks, read] = this.#functions[name];
    const checked = checks.map((check, i) => check(args[i]));
    let answer;
    try {
      answer = inside(...checked);
    } catch (error) {
      const said = error?.payload ?? error; // jco throws the record, or has it as payload: it depends on its version
      if (typeof said?.kind === "string") throw new EngineError(said.kind, said.message);
      throw new Trap(`${name}: ${error?.message ?? error}`, { cause: error });
    }
    return read(answer);
  }
}
