// The parts of the transpiled component, compiled once for a process or a page.

const HERE = new URL("../component/", import.meta.url);
let known;

/** What instances are made of, from the `component` directory of this package or another one. */
export async function parts(base) {
  if (base !== undefined) return found(new URL(base));
  known ??= found(HERE);
  try {
    return await known;
  } catch (error) {
    known = undefined; // the network may be there next time
    throw error;
  }
}

async function found(base) {
  const { instantiate } = await import(new URL("engine.js", base).href);
  const compiled = new Map();
  const module = (path) => {
    if (!compiled.has(path)) compiled.set(path, compile(new URL(path, base)));
    return compiled.get(path);
  };
  return { instantiate, module };
}

async function compile(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
