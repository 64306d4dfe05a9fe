/** Something a script displayed: the richest of its forms that the page can show. */

import { useEffect, useMemo } from "preact/hooks";
import type { Bundle } from "../python/output";
import { IconButton } from "../ui/button";
import { bytes, download } from "./download";
import { HtmlFrame } from "./html-frame";
import { JsonTree } from "./json-tree";
import { PlainText } from "./plain-text";

export function BundleView({ bundle }: { bundle: Bundle }) {
  const svg = bundle["image/svg+xml"];
  if (typeof svg === "string") return <Picture type="image/svg+xml" name="plot.svg" text={svg} />;
  const png = bundle["image/png"];
  if (typeof png === "string") return <Picture type="image/png" name="plot.png" base64={png} />;
  const html = bundle["text/html"];
  if (typeof html === "string") return <HtmlFrame html={html} />;
  if ("application/json" in bundle) return <JsonTree value={bundle["application/json"]} />;
  return <PlainText text={String(bundle["text/plain"] ?? "")} />;
}

/** As an image: scripts that an SVG holds do not run in one. */
function Picture({ type, name, text, base64 }: { type: string; name: string; text?: string; base64?: string }) {
  const blob = useMemo(() => new Blob([text ?? bytes(base64 ?? "")], { type }), [text, base64]);
  const url = useMemo(() => URL.createObjectURL(blob), [blob]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <figure class="picture">
      <img src={url} alt="Plot" />
      <IconButton icon="download" label={`Download ${name}`} onClick={() => download(name, type, blob)} />
    </figure>
  );
}
