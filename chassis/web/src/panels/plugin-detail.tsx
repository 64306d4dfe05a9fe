/** One plugin: its health, its packages, what it says; and starting it anew. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, path, reason } from "../api/client";
import type { PluginInfo, PluginLine } from "../api/shapes";
import { complain } from "../shell/notices";
import { Button } from "../ui/button";
import { Status } from "../ui/status";
import { useAsked } from "./loading";
import { Facts } from "./panel";

const LINES_MAX = 500;

export function PluginDetail({ plugin }: { plugin: PluginInfo }) {
  const running = plugin.state === "running";
  const packages = useAsked(
    () => (running ? ask<{ packages: { name: string; version: string }[] }>("GET", path`/api/${plugin.name}/packages`) : Promise.resolve({ packages: [] })),
    [plugin.name, running],
  ); // prettier-ignore
  const restart = () => ask("POST", path`/api/plugins/${plugin.name}/restart`).catch((error: unknown) => complain(reason(error)));
  const found = packages.value.value?.packages ?? [];
  return (
    <>
      <h2>{plugin.name}</h2>
      <div class="detail-actions">
        <Status of={plugin.state} {...(plugin.state === "running" ? { tone: plugin.healthy ? "good" : "bad" } : {})} />
        <span class="spring" />
        <Button icon="restart" onClick={() => void restart()}>Restart</Button>
      </div>
      {plugin.message && <p class={plugin.healthy ? "muted" : "wrong"}>{plugin.message}</p>}
      <Facts facts={[
        ["Version", plugin.version],
        ["Process", plugin.pid ? String(plugin.pid) : ""],
        ["Restarts", plugin.restarts ? String(plugin.restarts) : ""],
        ...Object.entries(plugin.details).map(([name, text]): [string, string] => [name, text]),
      ]} />
      <h3>Output</h3>
      <PluginOutput name={plugin.name} />
      {found.length > 0 && (
        <details>
          <summary>{found.length} packages</summary>
          <ul class="packages">{found.map((each) => <li key={each.name}>{each.name} <span class="muted">{each.version}</span></li>)}</ul>
        </details>
      )}
    </>
  );
} // prettier-ignore

function PluginOutput({ name }: { name: string }) {
  const lines = useSignal<PluginLine[]>([]);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    lines.value = [];
    const source = new EventSource(path`/api/plugins/${name}/logs`);
    source.onmessage = (event: MessageEvent<string>) => {
      lines.value = [...lines.value, JSON.parse(event.data) as PluginLine].slice(-LINES_MAX);
    };
    return () => source.close();
  }, [name]);
  useEffect(() => {
    box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines.value]);
  return (
    <div class="log" ref={box} tabIndex={0} role="log" aria-label="Output of the plugin">
      {lines.value.map((line, position) => <p key={position} class={`log-line ${line.level}`}><span class="log-level">{line.level}</span> {message(line.line)}</p>)}
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
