// Backstay for JavaScript: the engine decides inside a WASM component, this package performs.

export { classify } from "./classify.js";
export { Engine } from "./engine.js";
export { BackstayError, CallLost, DeadlineExceeded, EngineError, Failed, Missing, Rejected, TimedOut } from "./errors.js";
export { Policy } from "./policy.js";
export { NEVER } from "./values.js";
