// Python on WebAssembly under Node: node pyodide.mjs <pyodide.mjs> <folder of packages> <arguments of python>
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [pyodide, site, ...argv] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(pyodide));

const PROGRAM = `
import runpy, sys, warnings

def main(flag, what, *rest):
    sys.argv = [what, *rest]
    sys.path.insert(0, "/site")
    warnings.simplefilter("error")  # not before: Pyodide itself uses what is deprecated
    try:
        if flag == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0

main(*argv)
`;

function run(python) {
  const written = (descriptor) => ({ write: (bytes) => fs.writeSync(descriptor, bytes) });
  python.setStdout(written(1));
  python.setStderr(written(2));
  python.FS.mkdir("/site");
  python.FS.mount(python.FS.filesystems.NODEFS, { root: site }, "/site");
  python.globals.set("argv", python.toPy(argv));
  return python.runPython(PROGRAM);
}

try {
  const env = { PYTHONDONTWRITEBYTECODE: "1", HOME: "/tmp" };
  process.exitCode = run(await loadPyodide({ env }));
} catch (error) {
  // Node itself would print the line of Pyodide's source that threw, which is all of its source.
  fs.writeSync(2, `${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
