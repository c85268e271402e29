// What a JavaScript error is to a policy: the name of a kind of failure, or that and more.
//
// The tables say what those of the Python core say (a test compares them).

const CODE = {
  ECONNREFUSED: "connect", EHOSTUNREACH: "connect", ENETUNREACH: "connect", EHOSTDOWN: "connect", ENETDOWN: "connect",
  EAI_AGAIN: "connect", EAI_FAIL: "connect", EAI_NONAME: "connect", EAI_NODATA: "connect",
  ECONNRESET: "disconnect", EPIPE: "disconnect", ECONNABORTED: "disconnect", ENETRESET: "disconnect",
  ETIMEDOUT: "timeout", EAGAIN: "throttle", EMFILE: "capacity", ENFILE: "capacity", ENOMEM: "capacity",
  ENOSPC: "capacity", ENOBUFS: "capacity", EACCES: "permission", EPERM: "permission", EROFS: "permission",
  ENOENT: "missing", EEXIST: "conflict", EBUSY: "conflict", EADDRINUSE: "conflict", ENOTEMPTY: "state",
  ENOTCONN: "state", EINVAL: "validation", EISDIR: "validation", ENOTDIR: "validation", EBADF: "programming",
  ENOSYS: "unsupported", EIO: "internal", ECANCELED: "cancelled",
}; // prettier-ignore

//  what Node and undici say in their own words
const NODE = {
  ENOTFOUND: "connect", UND_ERR_CONNECT_TIMEOUT: "connect", UND_ERR_SOCKET: "disconnect",
  UND_ERR_HEADERS_TIMEOUT: "timeout", UND_ERR_BODY_TIMEOUT: "timeout", ABORT_ERR: "cancelled",
};

const STATUS = {
  401: "auth", 402: "permission", 403: "permission", 404: "missing", 405: "unsupported", 407: "auth", 408: "timeout",
  409: "conflict", 410: "missing", 412: "state", 418: "unsupported", 421: "unavailable", 423: "conflict", 424: "state",
  425: "unavailable", 426: "unsupported", 428: "state", 429: "throttle", 451: "permission", 499: "cancelled",
  501: "unsupported", 502: "unavailable", 503: "unavailable", 504: "timeout", 505: "unsupported", 507: "capacity",
  510: "unsupported", 511: "auth", 520: "unavailable", 521: "connect", 522: "connect", 523: "connect", 524: "timeout",
  525: "connect", 526: "permission", 529: "throttle", 530: "unavailable",
};

const NAME = { AbortError: "cancelled", TimeoutError: "timeout" };
const OURS = [EvalError, RangeError, ReferenceError, TypeError];
const DEEPEST = 8;
const LONGEST_PAUSE = 10 * 365 * 86_400; // seconds

/** The failure that `error` is: by HTTP `status` (a thrown `Response` has one), by `code`, by name, then by its causes. */
export function classify(error) {
  for (let depth = 0, at = error; depth < DEEPEST && at !== undefined && at !== null; depth += 1, at = at.cause) {
    const found = one(at);
    if (found !== undefined) return found;
  }
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message)) return "disconnect"; // a browser says no more
  return OURS.some((kind) => error instanceof kind) ? "programming" : "unknown";
}

function one(error) {
  const status = error.status ?? error.statusCode;
  const { code, name } = error;
  if (Number.isInteger(status) && status >= 300 && status <= 999) return http(status, error.headers);
  return of(CODE, code) ?? of(NODE, code) ?? of(NAME, name);
}

/** An entry of a table, and nothing that its prototype has ("constructor"). */
function of(table, key) {
  return typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
}

function http(status, headers) {
  let kind = STATUS[status] ?? (status < 400 ? "unsupported" : status < 500 ? "validation" : "internal");
  const failure = { kind, reason: `HTTP_${status}`, domain: "http" };
  const pause = pauseOf(headers);
  if (status === 408 || status === 421 || status === 425) failure.executed = "no";
  if (status === 421) failure.retry = "elsewhere";
  if (status === 425) failure.retry = "later";
  if (pause !== undefined) {
    failure.retry_after = pause;
    if (status === 503) Object.assign(failure, { kind: "throttle", code: "UNAVAILABLE" }); // it lives, and asks for less
    if (status === 413) failure.retry = "later";
  }
  return failure;
}

/** Retry-After in ns: seconds, or a date. */
function pauseOf(headers) {
  const value = headers?.get?.("retry-after") ?? headers?.["retry-after"];
  if (typeof value !== "string" || value.length > 100) return undefined;
  const date = /^\s*\d+(\.\d+)?\s*$/.test(value) ? undefined : Date.parse(value);
  const seconds = date === undefined ? Number(value) : Math.max(0, (date - Date.now()) / 1000);
  return Number.isFinite(seconds) ? BigInt(Math.round(Math.min(seconds, LONGEST_PAUSE) * 1e9)) : undefined;
}
