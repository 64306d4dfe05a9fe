/** One plugin: its health, its packages, what it says; and starting it anew. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, path, reason } from "../api/client";
import { listen } from "../api/events";
import type { PluginInfo, PluginLine } from "../api/shapes";
import { printed } from "../python/printed";
import { complain } from "../shell/notices";
import { Button } from "../ui/button";
import { counted } from "../ui/count";
import { size } from "../ui/size";
import { Status } from "../ui/status";
import { useAsked } from "./loading";
import { Facts } from "./panel";
import { facts } from "./plugin-facts";
import { PluginPackages } from "./plugin-packages";

const LINES_MAX = 500;
const MEMORY_EVERY_MS = 5000;

interface Memory {
  memory_bytes: number;
  processes: number;
}

export function PluginDetail({ plugin }: { plugin: PluginInfo }) {
  const running = plugin.state === "running";
  const memory = useAsked(() => ask<Memory>("GET", path`/api/plugins/${plugin.name}/memory`), [plugin.name, running, plugin.pid]);
  useEffect(() => {
    const looking = window.setInterval(memory.again, MEMORY_EVERY_MS);
    return () => window.clearInterval(looking);
  }, []);
  const restart = () => ask("POST", path`/api/plugins/${plugin.name}/restart`).catch((error: unknown) => complain(reason(error)));
  const { memory_bytes: bytes = 0, processes = 0 } = memory.value.value ?? {};
  return (
    <>
      <h2>{plugin.name}</h2>
      <div class="detail-actions">
        <Status of={plugin.state} {...(plugin.state === "running" ? { tone: plugin.healthy ? "good" : "bad" } : {})} />
        <span class="spring" />
        <Button icon="restart" needs="admin" onClick={() => void restart()}>Restart</Button>
      </div>
      {plugin.message && !plugin.message.startsWith("Python ") && <p class={plugin.healthy ? "muted" : "wrong"}>{plugin.message}</p>}
      <Facts facts={[
        ["Version", plugin.version],
        ["Attached at", plugin.address],
        ["Process", plugin.pid ? String(plugin.pid) : ""],
        ["Memory", bytes ? `${size(bytes)} in ${counted(processes, "process", "processes")}` : ""],
        ["Restarts", plugin.restarts ? String(plugin.restarts) : ""],
        ...facts(plugin.name, plugin.details),
      ]} />
      {plugin.replicas.length > 0 && <h3>Replicas</h3>}
      <ul class="plain">
        {plugin.replicas.map((replica) => (
          <li key={replica.address}>
            <Status of={replica.state} {...(replica.state === "running" ? { tone: replica.healthy ? "good" : "bad" } : {})} /> <code>{replica.address}</code>{" "}
            <span class="muted">{[replica.version, replica.message].filter(Boolean).join(" · ")}</span>
          </li>
        ))}
      </ul>
      <h3>Output</h3>
      <PluginOutput name={plugin.name} />
      {running && plugin.python_provider && <PluginPackages plugin={plugin.name} />}
    </>
  );
} // prettier-ignore

function PluginOutput({ name }: { name: string }) {
  const lines = useSignal<PluginLine[]>([]);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    lines.value = [];
    const said = (line: unknown) => (lines.value = [...lines.value, line as PluginLine].slice(-LINES_MAX));
    return listen(path`/api/plugins/${name}/logs`, { on: { message: said } });
  }, [name]);
  useEffect(() => {
    box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines.value]);
  return (
    <div class="log" ref={box} tabIndex={0} role="log" aria-label="Output of the plugin">
      {lines.value.map((line, position) => <p key={position} class={`log-line ${line.level}`}><span class="log-level">{line.level}</span> {printed(message(line.line))}</p>)}
      {lines.value.length === 0 && <p class="muted">It has said nothing yet.</p>}
    </div>
  );
} // prettier-ignore

/** Its own lines are JSON; what its libraries print is not. */
function message(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const said = JSON.parse(line) as { msg?: string; logger?: string };
    return said.msg ?? line;
  } catch {
    return line;
  }
}
