/** Ingest scripts: what `ix` can run, in which version, and how that went. */

import { useSignal } from "@preact/signals";
import { ask } from "../api/client";
import type { Script } from "../api/shapes";
import { placed } from "../canvas/placed";
import { INGEST } from "../python/templates";
import { chosen, go } from "../shell/route";
import { Button } from "../ui/button";
import { Empty } from "../ui/empty";
import { VirtualList } from "../ui/virtual-list";
import { useAsked } from "./loading";
import { Panel } from "./panel";
import { Import } from "./script-import";
import { ScriptDetail } from "./script-detail";

export function Scripts() {
  const { value, wrong, again } = useAsked(() => ask<Script[]>("GET", "/api/scripts"), [], ["job"]);
  const typed = useSignal("");
  const all = value.value ?? [];
  const found = all.filter((script) => script.name.includes(typed.value.trim().toLowerCase()));
  const create = () => {
    go("canvas");
    placed("py", { content: INGEST("my-format") });
  };
  const controls = (
    <>
      <input type="search" placeholder="Find" aria-label="Find a script" value={typed.value} onInput={(event) => (typed.value = event.currentTarget.value)} />
      <Import done={again} />
      <Button icon="plus" needs="run" onClick={create}>New</Button>
    </>
  ); // prettier-ignore
  const list = wrong.value ? (
    <p class="wrong pad">{wrong.value}</p>
  ) : value.value && found.length === 0 ? (
    <Empty icon="scripts" title="No scripts">
      <p>Write <code>execute(payload)</code> in a Python glyph and publish it with ⬆.</p>
    </Empty>
  ) : (
    <VirtualList items={found} label="Scripts" rowHeight={56} keyOf={(script) => script.name} chosen={chosen.value}
      choose={(script) => go("scripts", script.name)} row={(script) => <ScriptRow script={script} />} />
  ); // prettier-ignore
  return <Panel title="Scripts" note={value.value && all.length} controls={controls} list={list}
    detail={chosen.value && <ScriptDetail key={chosen.value} name={chosen.value} changed={again} />} />; // prettier-ignore
}

function ScriptRow({ script }: { script: Script }) {
  return (
    <>
      <span class="row-main">
        <b>{script.name}</b>
        <span class="muted one-line">{script.description || /^\s*"""([^\n"]+)/.exec(script.code)?.[1] || script.code.split("\n")[0]}</span>
      </span>
      <span class="row-side">
        <span class="kind" data-kind={script.glyph || "py"}>{script.glyph || "py"}</span>
        <span class="muted">{script.version ? `version ${script.version}` : "built in"}</span>
      </span>
    </>
  );
} // prettier-ignore
