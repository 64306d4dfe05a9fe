/** What every panel is made of: a heading with its controls, a list, and beside it what was chosen. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
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
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLElement | null>(null);
  const back = useRef<HTMLButtonElement>(null);
  const open = Boolean(detail);
  useLayoutEffect(() => {
    if (!open) return;
    // Where there is room for one of the two, the list is not there any more, nor is what was pressed in it.
    if (!box.current!.checkVisibility()) back.current!.focus();
    return () => {
      const there = opener.current?.isConnected ? opener.current : box.current?.querySelector<HTMLElement>("[tabindex], button");
      if (document.activeElement === document.body) there?.focus();
    };
  }, [open]);
  return (
    <div class={`panel ${detail ? "with-detail" : ""}`}>
      <header class="panel-head">
        <h1>{title}</h1>
        {note && <span class="muted">{note}</span>}
        <span class="spring" />
        {controls}
      </header>
      <div class="panel-list" ref={box} onFocusIn={(event) => (opener.current = event.target as HTMLElement)}>{list}</div>
      {detail && (
        <section class="detail" aria-label="Detail">
          <IconButton at={back} icon="back" label="Back to the list" class="detail-back" onClick={() => go(section.value)} />
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
