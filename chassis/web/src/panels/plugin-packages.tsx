/** The packages of a plugin: those its variant brings, and those that were installed since; installing and removing. */

import { useSignal } from "@preact/signals";
import { ask, fault, path, Refusal } from "../api/client";
import { say } from "../shell/notices";
import { Button, IconButton } from "../ui/button";
import { counted } from "../ui/count";
import { Field } from "../ui/field";
import { useAsked } from "./loading";

interface Package {
  name: string;
  version: string;
  /** Asked for by somebody, and not only needed by what was. */
  requested?: boolean;
}

interface Changed {
  success: boolean;
  error: string | null;
}

export function PluginPackages({ plugin }: { plugin: string }) {
  const own = useAsked(() => ask<{ packages: Package[] }>("GET", path`/api/${plugin}/packages`), [plugin]);
  const added = useAsked(() => ask<{ packages: Package[] }>("GET", path`/api/${plugin}/uv/list`), [plugin]);
  const wanted = useSignal("");
  const wrong = useSignal("");
  const busy = useSignal("");
  const installed = added.value.value?.packages ?? [];
  const brought = (own.value.value?.packages ?? []).filter(({ name }) => !installed.some((each) => each.name === name));
  const change = async (what: "install" | "remove", names: string[]) => {
    if (names.length === 0 || busy.value) return;
    wrong.value = "";
    busy.value = what === "install" ? "Installing…" : "Removing…";
    try {
      const changed = await ask<Changed>("POST", path`/api/${plugin}/uv/${what}`, { packages: names });
      if (!changed.success) throw new Refusal(0, changed.error ?? "uv did not say why");
      say(`${names.join(", ")} ${what === "install" ? "can be imported from now on" : "is removed"}.`);
      wanted.value = "";
    } catch (error) {
      wrong.value = fault(error);
    }
    busy.value = "";
    own.again();
    added.again();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void change("install", wanted.value.split(/[\s,]+/).filter(Boolean));
  };
  return (
    <>
      <h3>Packages installed here</h3>
      {installed.length === 0 && <p class="muted">None beside those that come with {plugin}.</p>}
      <ul class="plain">
        {installed.map(({ name, version, requested }) => (
          <li key={name} class="package">
            <span>{name} <span class="muted">{version}{requested === false && ", needed by another"}</span></span>
            {requested !== false && <IconButton icon="trash" needs="admin" label={`Remove ${name}`} onClick={() => void change("remove", [name])} />}
          </li>
        ))}
      </ul>
      <form class="install" onSubmit={submit}>
        <Field label="Install" wrong={wrong.value}>
          <input value={wanted.value} placeholder="humanize, or humanize==4.9" spellcheck={false} autocomplete="off" onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </Field>
        <Button submit needs="admin" disabled={busy.value !== ""}>{busy.value || "Install"}</Button>
      </form>
      {brought.length > 0 && (
        <details>
          <summary>{counted(brought.length, "package")} that {brought.length === 1 ? "comes" : "come"} with it</summary>
          <ul class="packages">{brought.map((each) => <li key={each.name}>{each.name} <span class="muted">{each.version}</span></li>)}</ul>
        </details>
      )}
    </>
  );
} // prettier-ignore
