/** Handlers: what each plugin found, the newest first, and how each fares. */

import { ask, path } from "../api/client";
import type { Handler, PluginInfo } from "../api/shapes";
import { chosen, go } from "../shell/route";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import { VirtualList } from "../ui/virtual-list";
import { HandlerDetail, type Found } from "./handler-detail";
import { useAsked } from "./loading";
import { Panel } from "./panel";

export function Handlers() {
  const { value, wrong, again } = useAsked(found, [], ["plugin", "job", "firing"]);
  const all = value.value ?? [];
  const looked = all.find((each) => each.handler.handler_name === chosen.value);
  const failing = all.filter(({ handler }) => handler.status === "failing" || handler.status === "faulted").length;
  const list = wrong.value ? (
    <p class="wrong pad">{wrong.value}</p>
  ) : value.value && all.length === 0 ? (
    <Empty icon="handlers" title="No handlers yet">
      <p>A handler is a function that runs when an attestation matches, or every so often:</p>
      <pre class="text">qntx handler create count --file count.py</pre>
    </Empty>
  ) : (
    <VirtualList items={all} label="Handlers" rowHeight={56} keyOf={({ handler }) => handler.handler_name} chosen={chosen.value}
      choose={({ handler }) => go("handlers", handler.handler_name)} row={({ plugin, handler }) => <Row plugin={plugin} handler={handler} />} />
  ); // prettier-ignore
  const note = value.value && (failing ? `${all.length}, of which ${failing} ${failing === 1 ? "fails" : "fail"}` : `${all.length}`);
  return <Panel title="Handlers" note={note} list={list}
    detail={looked && <HandlerDetail key={looked.handler.handler_name + looked.handler.attestation_id} found={looked} ran={again} />} />; // prettier-ignore
}

async function found(): Promise<Found[]> {
  const { plugins } = await ask<{ plugins: PluginInfo[] }>("GET", "/api/plugins");
  const providers = plugins.filter((plugin) => plugin.state === "running" && plugin.python_provider);
  const each = await Promise.all(
    providers.map(async ({ name }) => {
      const { handlers } = await ask<{ handlers: Handler[] }>("GET", path`/api/${name}/handlers`);
      return handlers.map((handler) => ({ plugin: name, handler }));
    }),
  );
  return each.flat().sort((one, other) => other.handler.published_at_ms - one.handler.published_at_ms);
}

function Row({ plugin, handler }: Found) {
  const last = handler.last_runs[0];
  return (
    <>
      <span class="row-main">
        <b>{handler.name}</b>
        <span class="muted one-line">{handler.fault || last?.error || handler.description || `created ${new Date(handler.published_at_ms).toLocaleString()}`}</span>
      </span>
      <span class="row-side">
        <span><span class="kind">{plugin}</span> <Status of={handler.status} /></span>
        <span class="muted">{last ? <>ran <Time at={last.ended_at_ms} /></> : "not run yet"}</span>
      </span>
    </>
  );
} // prettier-ignore
