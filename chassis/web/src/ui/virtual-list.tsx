/** A list of which only the rows in sight exist: ten thousand are as quick as ten. Arrows choose. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface VirtualListProps<Item> {
  items: Item[];
  label: string;
  rowHeight: number;
  keyOf: (item: Item) => string;
  row: (item: Item) => ComponentChildren;
  chosen?: string | undefined;
  choose?: (item: Item) => void;
}

const BEYOND = 8;

export function VirtualList<Item>(props: VirtualListProps<Item>) {
  const { items, label, rowHeight, keyOf, row, chosen, choose } = props;
  const box = useRef<HTMLDivElement>(null);
  const name = useId();
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const resized = new ResizeObserver(([entry]) => (height.value = entry!.contentRect.height));
    resized.observe(box.current!);
    return () => resized.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top.value / rowHeight) - BEYOND);
  const last = Math.min(items.length, Math.ceil((top.value + height.value) / rowHeight) + BEYOND);
  const position = chosen === undefined ? -1 : items.findIndex((item) => keyOf(item) === chosen);
  // Where one goes on from after what was chosen is closed.
  const from = useRef(-1);
  if (position >= 0) from.current = position;
  const go = (to: number) => {
    const target = Math.min(Math.max(to, 0), items.length - 1);
    const item = items[target];
    if (!item) return;
    choose?.(item);
    const element = box.current!;
    const above = target * rowHeight;
    if (above < element.scrollTop) element.scrollTop = above;
    else if (above + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = above + rowHeight - element.clientHeight;
  };
  const steps: Record<string, number> = {
    ArrowDown: from.current + 1,
    ArrowUp: from.current - 1,
    PageDown: from.current + 10,
    PageUp: from.current - 10,
    Home: 0,
    End: items.length - 1,
  };
  const pressed = (event: KeyboardEvent) => {
    const to = steps[event.key];
    if (to === undefined || !choose) return;
    event.preventDefault();
    go(to);
  };
  return (
    <div class="list" ref={box} tabIndex={0} role="listbox" aria-label={label} onKeyDown={pressed}
      aria-activedescendant={position >= first && position < last ? `${name}-${position}` : undefined}
      onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      <div class="list-space" style={{ height: `${items.length * rowHeight}px` }} role="presentation">
        {items.slice(first, last).map((item, offset) => (
          <div key={keyOf(item)} id={`${name}-${first + offset}`} role="option" class="list-row"
            aria-selected={first + offset === position} aria-posinset={first + offset + 1} aria-setsize={items.length}
            style={{ transform: `translateY(${(first + offset) * rowHeight}px)`, height: `${rowHeight}px` }}
            onClick={() => choose?.(item)}>
            {row(item)}
          </div>
        ))}
      </div>
    </div>
  );
} // prettier-ignore
