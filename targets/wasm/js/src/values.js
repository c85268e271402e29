// What crosses the border, checked on the way in and typed on the way out. `wit/` has the contract.

import { EngineError } from "./errors.js";

/** A time that does not come: 2^62 ns. */
export const NEVER = 1n << 62n;

const LONGEST = { document: 1 << 20, detail: 1 << 16, snapshot: 1 << 24, word: 100 };
const EVENTS = new Set(["ok", "error", "wake", "abort"]);

/** A whole number below `most` as BigInt: jco would wrap what is too large. */
function whole(name, value, most) {
  const number = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof number !== "bigint") {
    throw new EngineError("out-of-range", `${name} must be a BigInt or a safe whole number; got ${typeof value}`);
  }
  if (number < 0n || number >= most) {
    throw new EngineError("out-of-range", `${name} must be at least 0 and less than ${most}; got ${value}`);
  }
  return number;
}

/** Text that is not too long and has no half characters. */
function text(name, value, longest) {
  if (typeof value !== "string") throw new EngineError("invalid-text", `${name} must be text; got ${typeof value}`);
  if (value.length > 2 * longest) {
    throw new EngineError("too-large", `${name} has at most ${longest} characters; got ${value.length}`);
  }
  if (!value.isWellFormed()) throw new EngineError("invalid-text", `${name} holds half a character`);
  return value;
}

export const u64 = (name) => (value) => whole(name, value, 1n << 64n);
export const u32 = (name) => (value) => Number(whole(name, value, 1n << 32n));
export const maybe = (check) => (value) => (value === undefined || value === null ? undefined : check(value));
export const string = (name, size) => (value) => text(name, value, LONGEST[size]);
export const flag = () => Boolean;

export function event(value) {
  if (EVENTS.has(value)) return value;
  throw new EngineError("invalid-event", `there is no event ${String(value)}; there are ${[...EVENTS].join(", ")}`);
}

/** JSON text of a configuration, a snapshot or a failure. What JSON would drop or change is refused. */
export function written(kind, data) {
  if (typeof data === "string") return data;
  const plain = (key, value) => {
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    const bad = typeof value === "function" || typeof value === "symbol" || Object.is(value, NaN);
    if (bad || value === Infinity || value === -Infinity) {
      throw new EngineError(kind, `${key || "this"} cannot be written as JSON: ${String(value)}`);
    }
    return value;
  };
  try {
    return JSON.stringify(data, plain) ?? "null";
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(kind, `this cannot be written as JSON: ${error.message}`);
  }
}

/** A decision as the component gives it, with `more` laid open. */
export function decision({ call, action, token, time, more }) {
  const open = more === undefined ? {} : JSON.parse(more);
  return {
    call,
    action,
    token,
    time,
    over: action === "complete" || action === "fail",
    before: (open.before ?? []).map(earlier),
    woken: (open.woken ?? []).map(BigInt),
    position: open.position,
    ...reason(open),
  };
}

function earlier([what, ...rest]) {
  const numbers = rest.slice(0, 2).map((n) => (n === null ? NEVER : BigInt(n)));
  return what === "substitute" ? [what, ...numbers, rest[2], reason(rest[3])] : [what, ...numbers];
}

/** Which operation, or which failure of the engine's own, leads to an action. */
function reason(open) {
  return {
    operation: open.operation === undefined ? undefined : BigInt(open.operation),
    failure: open.failure && failure(open.failure),
  };
}

function failure({ retry_after: pause, ...rest }) {
  return { ...rest, retryAfter: pause === undefined || pause === null ? undefined : BigInt(pause) };
}
