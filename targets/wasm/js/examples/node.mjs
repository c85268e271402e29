// A server that is down for a while, and a policy in front of it: node examples/node.mjs

import { createServer } from "node:http";
import { once } from "node:events";
import { Engine, Rejected } from "../src/index.js";

let healthy = true;
let reached = 0;
const server = createServer((request, response) => {
  reached += 1;
  response.writeHead(healthy ? 200 : 503).end(healthy ? "42.00" : "");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${server.address().port}/`;

const engine = await Engine.load({
  policies: [
    {
      name: "quotes",
      strategies: [
        { kind: "retry", attempts: 3, idempotent: true, base: 0.005 },
        { kind: "circuit_breaker", window_calls: 10, minimum_calls: 5, open_for: 30 },
        { kind: "bulkhead", limit: 10 },
        { kind: "timeout", seconds: 1 },
      ],
    },
  ],
});
const quote = engine.policy("quotes").wrap(async (signal) => {
  const response = await fetch(url, { signal });
  if (!response.ok) throw response;
  return response.text();
});

console.log("healthy:", await quote());
healthy = false;
const results = [];
for (let i = 0; i < 20; i += 1) {
  results.push(await quote().then(() => "answered", (error) => (error instanceof Rejected ? error.reason : `HTTP ${error.status}`)));
}
const counts = Object.groupBy(results, (result) => result);
console.log("down:", Object.entries(counts).map(([result, all]) => `${all.length} × ${result}`).join(", "));
console.log("calls that reached the server:", reached);
console.log("breaker:", engine.report().policies[0].strategies[1].state);
engine.shut();
server.close();
server.closeAllConnections();
