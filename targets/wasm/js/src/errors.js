// What comes out of a call beside the caller's own errors.

/** The base of every error that Backstay itself raises. */
export class BackstayError extends Error {
  get name() {
    return this.constructor.name;
  }
}

/** Why the engine, or this package before it, did nothing. `kind` is a word for programs; the set is open. */
export class EngineError extends BackstayError {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** The instance broke in the middle of this call and is being replaced; what other calls did is kept. */
export class CallLost extends EngineError {
  constructor(message, options) {
    super("trap", message);
    this.cause = options?.cause;
  }
}

/** What the engine itself says has gone wrong: `failure` is its statement, as data. */
export class Failed extends BackstayError {
  constructor(policy, failure) {
    super(`${failure.message || failure.kind}${failure.reason ? ` (${failure.reason})` : ""}`);
    this.policy = policy;
    this.failure = failure;
  }

  get kind() {
    return this.failure.kind;
  }

  get reason() {
    return this.failure.reason;
  }
}

/** A strategy refused the call. `reason` is CIRCUIT_OPEN, FORCED_OPEN, BULKHEAD_FULL, BULKHEAD_WAIT, NO_TIME … */
export class Rejected extends Failed {
  /** When it may be worth trying again, in ns from now; undefined if nobody knows. */
  get retryAfter() {
    return this.failure.retryAfter;
  }
}

/** A timeout of the policy has run out. */
export class TimedOut extends Failed {}

/** The caller's own deadline has come. */
export class DeadlineExceeded extends BackstayError {
  constructor(policy) {
    super(`policy ${policy}: the caller's deadline has come`);
    this.policy = policy;
  }
}

/** A `lookup` has found nothing: the call goes on. */
export class Missing extends BackstayError {}

/** The error for a failure that is the engine's own. */
export function errorOf(policy, failure) {
  const Kind = { rejected: Rejected, timeout: TimedOut }[failure.kind] ?? Failed;
  return new Kind(policy, failure);
}
