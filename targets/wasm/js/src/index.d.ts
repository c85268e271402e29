/** A whole number: a time in ns, a handle, a seed. A `number` must be a safe integer. */
export type Whole = bigint | number;

/** A time that does not come: 2^62 ns. */
export const NEVER: bigint;

/** A strategy as in a configuration file: its kind, and its options in seconds and shares. */
export interface Strategy {
  readonly kind: string;
  readonly [option: string]: unknown;
}

export interface PolicyRow {
  readonly name?: string;
  /** Decimal text beyond 2^53, or a BigInt. */
  readonly seed?: Whole | string;
  /** Outermost first; `{ shared }` stands for one of the document's shared strategies. */
  readonly strategies?: readonly (Strategy | { readonly shared: string })[];
}

export interface Configuration {
  readonly policies: readonly PolicyRow[] | Readonly<Record<string, PolicyRow>>;
  readonly shared?: Readonly<Record<string, Strategy>>;
}

/** The names of `KINDS` in `tests/conformance/README.md`. */
export type FailureKind =
  | "cancelled" | "validation" | "auth" | "permission" | "missing" | "conflict" | "state" | "throttle" | "capacity"
  | "timeout" | "connect" | "disconnect" | "unavailable" | "internal" | "data" | "unsupported" | "rejected"
  | "programming" | "unknown" | "result";

/** What a host says of a failure; members that are left out come from the row of the kind. */
export interface FailureDetail {
  kind: FailureKind;
  code?: string;
  severity?: "low" | "medium" | "high" | "critical";
  retry?: "never" | "same" | "later" | "refresh" | "elsewhere" | "higher";
  executed?: "no" | "maybe" | "yes";
  /** The pause that the server asks for, in ns. */
  retry_after?: Whole;
  reason?: string;
  domain?: string;
  message?: string;
  injected?: boolean;
}

/** What the engine says of a failure of its own. */
export interface Failure {
  readonly kind: FailureKind;
  readonly code: string;
  readonly severity: string;
  readonly retry: string;
  readonly executed: string;
  readonly reason: string;
  readonly domain: string;
  readonly message: string;
  /** In ns. */
  readonly retryAfter: bigint | undefined;
  readonly [more: string]: unknown;
}

export type Classifier = (error: unknown) => FailureKind | FailureDetail;

/** By HTTP `status` (also of a thrown `Response`), `code` (`ECONNREFUSED`), `name` (`AbortError`), then by `cause`. */
export const classify: Classifier;

export type Action = "none" | "attempt" | "substitute" | "wait" | "cancel" | "complete" | "fail";
export type Event = "ok" | "error" | "wake" | "abort";

/** Which operation, or which failure of the engine's own, leads to an action. */
export interface Reason {
  readonly operation: bigint | undefined;
  readonly failure: Failure | undefined;
}

/** An action to carry out before the decision itself. */
export type Before =
  | readonly [what: "cancel", token: bigint]
  | readonly [what: "wait", time: bigint]
  | readonly [what: "attempt", token: bigint, time: bigint]
  | readonly [what: "substitute", token: bigint, time: bigint, position: number, why: Reason];

/** What to do now; `wit/types.wit` says what the members mean. */
export interface Decision extends Reason {
  readonly call: bigint;
  readonly action: Action;
  readonly token: bigint;
  readonly time: bigint;
  /** The call is over, and its handle closed. */
  readonly over: boolean;
  readonly before: readonly Before[];
  readonly woken: readonly bigint[];
  readonly position: number | undefined;
}

export interface Timers {
  setTimeout(ring: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export interface EngineOptions {
  /** Where the transpiled component is, if not in this package: the address of a directory, with its slash. */
  component?: string | URL;
  /** Nanoseconds of a monotonic clock. */
  clock?: () => bigint;
  timers?: Timers;
  classify?: Classifier;
}

export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** On the engine's clock, in ns: `engine.now() + 2_000_000_000n`. */
  deadline?: Whole;
  /** May it wait for a place? Otherwise a full gate refuses. Default true. */
  queue?: boolean;
  /** Whose call it is, for gates with `shed` or `fair`. */
  caller?: Caller;
}

export interface BeginOptions {
  deadline?: Whole;
  queue?: boolean;
  wake?: () => void;
  caller?: Caller;
}

export interface Caller {
  priority?: "critical" | "high" | "normal" | "low" | "background" | 0 | 1 | 2 | 3 | 4;
  tenant?: string;
}

export interface PolicyOptions {
  classify?: Classifier;
  /** Makes the substitute of the Fallback at `position`, in place of its `value`. `error` is what it stands in for. */
  fallback?: (error: unknown, signal: AbortSignal, position: number) => unknown;
  /**
   * What a Cache or an Idempotency of the policy finds: a value, or it throws `Missing`. `error` is undefined before the
   * call, and afterwards what a stale value would stand in for; `position` is the place of the Cache or the Idempotency in
   * the policy. Without it a Cache finds nothing, and an Idempotency is refused. Whoever gives it keeps the results of
   * calls, too.
   */
  lookup?: (error: unknown, signal: AbortSignal, position: number) => unknown;
}

/** Guarded calls. All policies of the same handle share their state, which is in the engine. */
export class Policy {
  private constructor();
  readonly engine: Engine;
  readonly handle: bigint;
  readonly name: string;
  readonly strategies: readonly Strategy[];

  /**
   * Call `operation` under the policy, as often as it decides. `signal` tells an attempt that nobody waits for it any
   * more. Rejects with the operation's own error, unchanged, or with a `BackstayError`.
   */
  call<T>(operation: (signal: AbortSignal) => T | PromiseLike<T>, options?: CallOptions): Promise<T>;

  /** `inner(signal, ...args)` as a guarded function of `args`. */
  wrap<A extends unknown[], T>(
    inner: (signal: AbortSignal, ...args: A) => T | PromiseLike<T>,
    options?: CallOptions,
  ): (...args: A) => Promise<T>;

  /** An operator's hand on a strategy: "force-open", "force-closed", "disable", "metrics-only", "auto". */
  control(position: number, command: string): void;
  snapshot(wall?: Whole): unknown;
  restore(snapshot: unknown, options?: RestoreOptions): void;
}

export interface RestoreOptions {
  now?: Whole;
  /** `resume`: calls in flight live on; `revive`: they are gone. */
  mode?: "resume" | "revive";
  /** Nanoseconds since the Unix epoch. */
  wall?: Whole;
}

/** One instance of the component and the calls in flight in it. Methods throw `EngineError`. */
export class Engine {
  private constructor();

  /** An engine with the policies of a document. The same `seed` replays the same decisions; without one it is random. */
  static load(config: Configuration | string, options?: EngineOptions & { seed?: Whole }): Promise<Engine>;
  static create(options?: EngineOptions): Promise<Engine>;

  readonly now: () => bigint;
  /** How often the instance broke and was replaced. */
  readonly replacements: number;
  readonly replacing: boolean;
  /** Resolves at once, or when the instance that broke has been replaced. */
  ready(): Promise<void>;

  policy(name: string, options?: PolicyOptions): Policy;
  add(config: Configuration | string, seed?: Whole): bigint[];
  unload(policy: Whole | string): void;

  /** `wake` is called when a gate has let the call in; it must not step from within. */
  begin(policy: Whole | string, now: Whole, options?: BeginOptions): Decision;
  step(call: Whole, event: Event, options: { token?: Whole; now: Whole; detail?: string }): Decision;
  close(call: Whole, now: Whole): Decision;
  attach(call: Whole, wake: () => void): void;
  control(policy: Whole | string, position: number, command: string, now: Whole): void;

  report(now?: Whole): {
    contract: string;
    core: string;
    calls: number;
    begun: number;
    policies: { policy: number; name: string; strategies: { kind: string; [state: string]: unknown }[] }[];
    [more: string]: unknown;
  };

  /** Everything, calls in flight included, as JSON text; any engine of the contract can take it over. */
  snapshot(now?: Whole, wall?: Whole): string;
  restore(snapshot: string, options?: RestoreOptions): void;
  snapshotPolicy(policy: Whole | string, now?: Whole, wall?: Whole): string;
  restorePolicy(policy: Whole | string, snapshot: unknown, options?: RestoreOptions): void;

  /** Give the memory back. Every later call is an error of kind "shut". */
  shut(): void;
}

/** The base of every error that Backstay itself raises. */
export class BackstayError extends Error {}

/** Why the engine did nothing. `kind` is a word for programs; the set is open. */
export class EngineError extends BackstayError {
  readonly kind: string;
}

/** The instance broke in the middle of this call and is being replaced; what other calls did is kept. */
export class CallLost extends EngineError {}

/** What the engine itself says has gone wrong. */
export class Failed extends BackstayError {
  readonly policy: string;
  readonly failure: Failure;
  readonly kind: FailureKind;
  readonly reason: string;
}

/** A strategy refused the call: CIRCUIT_OPEN, FORCED_OPEN, BULKHEAD_FULL, BULKHEAD_WAIT, NO_TIME … */
export class Rejected extends Failed {
  /** When it may be worth trying again, in ns from now. */
  readonly retryAfter: bigint | undefined;
}

/** A timeout of the policy has run out. */
export class TimedOut extends Failed {}

/** A `lookup` has found nothing: the call goes on. */
export class Missing extends BackstayError {}

/** The caller's own deadline has come. */
export class DeadlineExceeded extends BackstayError {
  readonly policy: string;
}
