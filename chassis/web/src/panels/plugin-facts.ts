/** What a plugin tells of itself, in the order and the words in which people ask for it. Pure. */

const LABELS: Record<string, string> = {
  engine: "Engine",
  sandbox: "Sandbox",
  handlers: "Handlers",
  runs: "Runs now",
  runs_max: "At most",
  idle_workers: "Workers ready",
  sessions: "Sessions",
  capsules: "Capsules",
  configuration: "Configuration",
};
const COUNTED = "executions.";
const PRELOAD = "preload.";

/** First how it is, then what it has done; what is not known here comes last, by its own name. */
export function facts(name: string, details: Record<string, string>): [string, string][] {
  const { [name]: python = "", running, queued, running_max, queued_max, ...told } = details;
  const rest: Record<string, string> = {
    ...told,
    ...(running && { runs: `${running} under way, ${queued} waiting` }),
    ...(running_max && { runs_max: `${running_max} at once, ${queued_max} waiting` }),
  };
  const known = Object.keys(LABELS).filter((key) => rest[key]);
  const others = Object.keys(rest).filter((key) => !(key in LABELS)).sort();
  const begins = (start: string) => others.filter((key) => key.startsWith(start));
  const runs = begins(COUNTED).map((key) => `${rest[key]} ${key.slice(COUNTED.length).replaceAll("_", " ")}`);
  const unknown = others.filter((key) => !key.startsWith(COUNTED) && !key.startsWith(PRELOAD));
  return [
    ["Python", python.split(" ")[0]!],
    ...known.map((key): [string, string] => [LABELS[key]!, rest[key]!]),
    ["Runs so far", runs.join(", ")],
    ...begins(PRELOAD).map((key): [string, string] => [`Preload ${key.slice(PRELOAD.length)}`, rest[key]!]),
    ...unknown.map((key): [string, string] => [key, rest[key]!]),
  ];
} // prettier-ignore
