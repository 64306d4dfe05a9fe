/** A result, in the form that suits it. */

import { IconButton } from "../ui/button";
import { copy, download } from "./download";
import { JsonTree } from "./json-tree";
import { PlainText } from "./plain-text";
import { table } from "./shape";
import { TableView } from "./table-view";

export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return <Text text={value} />;
  if (typeof value !== "object") return <Text text={String(value)} />;
  const found = table(value);
  if (found) return <TableView table={found} />;
  const text = () => JSON.stringify(value, null, 2);
  return (
    <section class="json-result" aria-label="Result">
      <div class="result-bar">
        <span class="muted">{Array.isArray(value) ? `List of ${value.length}` : "Object"}</span>
        <span class="spring" />
        <IconButton icon="copy" label="Copy JSON" onClick={() => void copy(text())} />
        <IconButton icon="download" label="Download JSON" onClick={() => download("result.json", "application/json", text())} />
      </div>
      <JsonTree value={value} />
    </section>
  );
}

function Text({ text }: { text: string }) {
  return (
    <div class="text-result">
      <div class="spring"><PlainText text={text} /></div>
      <IconButton icon="copy" label="Copy result" onClick={() => void copy(text)} />
    </div>
  );
}
