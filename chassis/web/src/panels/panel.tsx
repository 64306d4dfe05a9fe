/** What every panel is made of: a heading with its controls, a list, and beside it what was chosen. */

import type { ComponentChildren } from "preact";
import { IconButton } from "../ui/button";
import { go, section } from "../shell/route";

interface PanelProps {
  title: string;
  note?: ComponentChildren;
  controls?: ComponentChildren;
  list: ComponentChildren;
  detail?: ComponentChildren;
}

export function Panel({ title, note, controls, list, detail }: PanelProps) {
  return (
    <div class={`panel ${detail ? "with-detail" : ""}`}>
      <header class="panel-head">
        <h1>{title}</h1>
        {note && <span class="muted">{note}</span>}
        <span class="spring" />
        {controls}
      </header>
      <div class="panel-list">{list}</div>
      {detail && (
        <section class="detail" aria-label="Detail">
          <IconButton icon="back" label="Back to the list" class="detail-back" onClick={() => go(section.value)} />
          {detail}
        </section>
      )}
    </div>
  );
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  const told = facts.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return (
    <dl class="facts">
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
