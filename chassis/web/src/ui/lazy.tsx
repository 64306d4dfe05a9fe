/** Parts of the page that are fetched when they are first shown. */

import type { ComponentType, FunctionComponent } from "preact";
import { signal } from "@preact/signals";

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): FunctionComponent<Props> {
  const loaded = signal<ComponentType<Props> | null>(null);
  let asked = false;
  return function Lazy(props: Props) {
    if (!asked) {
      asked = true;
      void load().then((component) => (loaded.value = component));
    }
    const Component = loaded.value;
    return Component ? <Component {...props} /> : <p class="muted loading">Loading…</p>;
  };
}
