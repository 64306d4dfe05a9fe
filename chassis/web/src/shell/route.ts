/** Where one is: `#/jobs/ID`. The address is the state, so that back, forward and links work. */

import { computed, signal } from "@preact/signals";
import type { IconName } from "../ui/icons";

export interface Section {
  name: string;
  title: string;
  icon: IconName;
}

export const SECTIONS: Section[] = [
  { name: "canvas", title: "Canvas", icon: "canvas" },
  { name: "jobs", title: "Jobs", icon: "jobs" },
  { name: "scripts", title: "Scripts", icon: "scripts" },
  { name: "handlers", title: "Handlers", icon: "handlers" },
  { name: "watchers", title: "Watchers", icon: "watchers" },
  { name: "attestations", title: "Attestations", icon: "attestations" },
  { name: "plugins", title: "Plugins", icon: "plugins" },
  { name: "audit", title: "Audit", icon: "audit" },
];

const address = signal(location.hash);
window.addEventListener("hashchange", () => (address.value = location.hash));

export const section = computed(() => {
  const name = address.value.split("/")[1] ?? "";
  return SECTIONS.some((each) => each.name === name) ? name : "canvas";
});

/** What is looked at in the section; empty for none. */
export const chosen = computed(() => decodeURIComponent(address.value.split("/").slice(2).join("/")));

export function go(to: string, id = ""): void {
  location.hash = id ? `#/${to}/${encodeURIComponent(id)}` : `#/${to}`;
}
