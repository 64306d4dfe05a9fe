/** What a script may call, as the host tells it: for completion and hover. */

import { ask } from "../api/client";
import type { Name } from "../api/shapes";
import { flowing } from "./docstring";

let known: Promise<Map<string, Name>> | undefined;

export function names(): Promise<Map<string, Name>> {
  known ??= ask<Name[]>("GET", "/api/python/names").then(
    (all) => new Map(all.map((each) => [each.name, each])),
    () => {
      known = undefined;
      return new Map();
    },
  );
  return known;
}

export function described(name: Name): HTMLElement {
  const box = document.createElement("div");
  box.className = "name-doc";
  const signature = box.appendChild(document.createElement("code"));
  signature.textContent = name.signature;
  const text = box.appendChild(document.createElement("p"));
  text.textContent = flowing(name.doc);
  return box;
}
