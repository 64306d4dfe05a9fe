// Takes the addresses out of the lock file: hashes say what a package is, and where it comes from is each machine's own.
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.resolved;
writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
