/** Dark or light: as the system has it, until somebody says otherwise. */

import { computed, effect, signal } from "@preact/signals";

const KEY = "qntx.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", () => (systemDark.value = system.matches));

const said = signal(localStorage.getItem(KEY));

export const dark = computed(() => (said.value ? said.value === "dark" : systemDark.value));

effect(() => {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
});

export function toggleTheme(): void {
  said.value = dark.value ? "light" : "dark";
  localStorage.setItem(KEY, said.value);
}
