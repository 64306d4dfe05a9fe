/** Takes in scripts from files: exported ones, which a node has signed, and plain `NAME.py`. */

import { ask, reason, Refusal } from "../api/client";
import { barred } from "../api/session";
import { publish } from "../python/publish";
import { complain, say } from "../shell/notices";

interface Exported {
  script?: { needs?: string[] };
}

interface Taken {
  name: string;
  version: number;
  signer_did?: string;
}

export function Import({ done }: { done: () => void }) {
  const bar = barred("run");
  const read = async (files: FileList | null) => {
    for (const file of files ?? []) {
      try {
        const taken = await (file.name.endsWith(".json") ? signed(file) : plain(file));
        say(`Published ${taken.name}, version ${taken.version}${taken.signer_did ? `, signed by ${taken.signer_did}` : ""}.`);
      } catch (error) {
        complain(`${file.name}: ${reason(error)}`);
      }
    }
    done();
  };
  return (
    <label class="button plain file" title={bar || undefined}>
      Import
      <input type="file" disabled={bar !== ""} accept=".json,.py" multiple class="sr" onChange={(event) => void read(event.currentTarget.files)} />
    </label>
  );
}

async function signed(file: File): Promise<Taken> {
  const body = { file: JSON.parse(await file.text()) as Exported };
  try {
    return await ask<Taken>("POST", "/api/scripts/import", body);
  } catch (error) {
    // What it asks for is a person's to allow.
    if (!(error instanceof Refusal && error.field === "allow" && window.confirm(`${error.message}\n\nAllow it?`))) throw error;
    return ask<Taken>("POST", "/api/scripts/import", { ...body, allow: body.file.script?.needs ?? [] });
  }
}

async function plain(file: File): Promise<Taken> {
  const name = file.name.replace(/\.py$/, "").toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-");
  return publish(name, { content: await file.text(), symbol: "" });
}
