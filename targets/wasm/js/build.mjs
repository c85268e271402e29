// Lays the package out in a directory: node build.mjs COMPONENT OUT
//
// Only `component/` is generated; everything else is copied as it stands here. OUT is written aside and then renamed.

import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { transpileBytes } from "@bytecodealliance/jco-transpile";

const HERE = import.meta.dirname;
const [component, out] = process.argv.slice(2);
if (!component || !out) {
  console.error("usage: node build.mjs COMPONENT OUT");
  process.exit(2);
}

const { files, imports } = await transpileBytes(await readFile(component), {
  name: "engine",
  instantiation: "async",
  outDir: "component",
});
if (imports.length) {
  console.error(`the component imports ${imports.join(", ")}; an engine imports nothing`);
  process.exit(1);
}
const aside = `${resolve(out)}.new`;
await rm(aside, { recursive: true, force: true });
for (const [name, content] of Object.entries(files)) {
  await mkdir(dirname(join(aside, name)), { recursive: true });
  await writeFile(join(aside, name), content);
}
for (const name of ["src", "examples", "README.md"]) await cp(join(HERE, name), join(aside, name), { recursive: true });
const manifest = JSON.parse(await readFile(join(HERE, "package.json"), "utf8"));
for (const key of ["scripts", "devDependencies", "allowScripts"]) delete manifest[key];
await writeFile(join(aside, "package.json"), JSON.stringify(manifest, null, 2) + "\n");
await rm(out, { recursive: true, force: true });
await rename(aside, resolve(out));
