/** Publishes a glyph's code as an ingest script: a name, a check, and a question before a name is taken again. */

import { useSignal } from "@preact/signals";
import { ask, path, reason, Refusal } from "../api/client";
import type { Glyph, Script } from "../api/shapes";
import { change } from "../canvas/glyphs";
import { say } from "../shell/notices";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";

const NAME = /^[a-z0-9-]+$/;

export function Publish({ glyph, close }: { glyph: Glyph; close: () => void }) {
  const name = useSignal(NAME.test(glyph.title) ? glyph.title : "");
  const taken = useSignal<Script | null>(null);
  const wrong = useSignal("");
  const busy = useSignal(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    wrong.value = problem(name.value, glyph.content);
    if (wrong.value) return;
    busy.value = true;
    try {
      if (!taken.value && (taken.value = await existing(name.value))) return;
      const published = await publish(name.value, glyph);
      change(glyph.id, { title: name.value });
      say(`Published ${published.name}, version ${published.version}. Run it with: ix ${published.name} INPUT`);
      close();
    } catch (error) {
      wrong.value = reason(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <Dialog title="Publish as Ingest Script" close={close}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <label class="field">
          <span>Name</span>
          <input value={name.value} autoFocus spellcheck={false} autocomplete="off" placeholder="my-format"
            aria-invalid={wrong.value !== ""} aria-describedby="publish-help"
            onInput={(event) => {
              name.value = event.currentTarget.value;
              taken.value = null;
              wrong.value = "";
            }} />
        </label>
        <p id="publish-help" class="muted">
          Lower-case letters, digits and hyphens. <code>ix {name.value || "my-format"} INPUT</code> will call its{" "}
          <code>execute(payload)</code> in {glyph.symbol}.
        </p>
        {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
        {taken.value && (
          <p class="ask" role="alert">
            {taken.value.name} is there already
            {taken.value.version > 0 ? `, at version ${taken.value.version}` : "; it came with a plugin"}. Publish this as
            version {taken.value.version + 1}? The versions before it stay.
          </p>
        )}
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button kind="main" icon="publish" submit disabled={busy.value}>
            {taken.value ? `Publish version ${taken.value.version + 1}` : "Publish"}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
} // prettier-ignore

interface Publishable {
  content: string;
  symbol: string;
  description?: string;
  needs?: string[];
}

export function publish(name: string, { content, symbol, description = "", needs = [] }: Publishable) {
  const body = { name, code: content, language: "python", glyph: symbol, created_by: "page", description, needs };
  return ask<{ id: string; name: string; version: number }>("POST", "/api/scripts/publish", body);
}

export async function existing(name: string): Promise<Script | null> {
  try {
    return await ask<Script>("GET", path`/api/scripts/${name}`);
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

function problem(name: string, code: string): string {
  if (!name) return "Give it a name: what is typed after ix.";
  if (!NAME.test(name)) return `“${name}” has something else than lower-case letters, digits and hyphens in it.`;
  if (!code.trim()) return "There is nothing to publish yet: write some code first.";
  return "";
}
