// node vectors.mjs PACKAGE: vectors by name, as JSON on standard input; what an engine makes of them on standard output.

import { text } from "node:stream/consumers";
import { parse, runAll, write } from "./simulate.mjs";

const { Engine } = await import(process.argv[2]);
const engine = await Engine.create();
console.log(write(runAll(parse(await text(process.stdin)), engine)));
