/** Plugins: which there are, and how each is. */

import { ask } from "../api/client";
import type { PluginInfo } from "../api/shapes";
import { chosen, go } from "../shell/route";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { VirtualList } from "../ui/virtual-list";
import { useAsked } from "./loading";
import { Panel } from "./panel";
import { PluginDetail } from "./plugin-detail";

export function Plugins() {
  const { value, wrong } = useAsked(() => ask<{ plugins: PluginInfo[] }>("GET", "/api/plugins"), [], ["plugin"]);
  const all = value.value?.plugins ?? [];
  const looked = all.find((plugin) => plugin.name === chosen.value);
  const list = wrong.value ? (
    <p class="wrong pad">{wrong.value}</p>
  ) : value.value && all.length === 0 ? (
    <Empty icon="plugins" title="No plugins">
      <p>Build them with <code>qntx variant sync</code>, and start the host again.</p>
    </Empty>
  ) : (
    <VirtualList items={all} label="Plugins" rowHeight={56} keyOf={(plugin) => plugin.name} chosen={chosen.value}
      choose={(plugin) => go("plugins", plugin.name)} row={(plugin) => <Row plugin={plugin} />} />
  ); // prettier-ignore
  return <Panel title="Plugins" note={value.value && all.length} list={list} detail={looked && <PluginDetail key={looked.name} plugin={looked} />} />;
}

function Row({ plugin }: { plugin: PluginInfo }) {
  return (
    <>
      <span class="row-main">
        <b>{plugin.name}</b>
        <span class="muted one-line">{plugin.description}</span>
      </span>
      <span class="row-side">
        <Status of={plugin.state} {...(plugin.state === "running" ? { tone: plugin.healthy ? "good" : "bad" } : {})} />
        <span class="muted">{plugin.version}</span>
      </span>
    </>
  );
}
