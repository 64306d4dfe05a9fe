// Runs tests/ with node's own test runner, from what vite makes of them: `npm test`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";

const tests = readdirSync("tests").filter((name) => name.endsWith(".test.ts"));
const folder = mkdtempSync(join("node_modules", ".tests-"));
const input = Object.fromEntries(tests.map((name) => [name.replace(/\.ts$/, ""), join("tests", name)]));
let ended = 1;
try {
  await build({ configFile: false, logLevel: "error", build: { ssr: true, outDir: folder, target: "node20", rolldownOptions: { input } } });
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.js"));
  ended = spawnSync(process.execPath, ["--test", ...files.map((name) => join(folder, name))], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(ended);
