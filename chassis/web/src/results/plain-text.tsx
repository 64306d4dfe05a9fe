/** Text that a script made: of a very long one the beginning, and all of it as a file. */

import { useMemo } from "preact/hooks";
import { printed } from "../python/printed";
import { download } from "./download";

const SHOWN_MAX = 200_000;

export function PlainText({ text, kind = "" }: { text: string; kind?: string }) {
  const shown = useMemo(() => printed(text.slice(0, SHOWN_MAX)), [text]);
  return (
    <>
      <pre class={`text ${kind}`}>{shown}</pre>
      {text.length > SHOWN_MAX && (
        <p class="muted">
          The first {SHOWN_MAX.toLocaleString()} of {text.length.toLocaleString()} characters.{" "}
          <button type="button" class="link" onClick={() => download("text.txt", "text/plain", text)}>Download all of it</button>
        </p>
      )}
    </>
  );
} // prettier-ignore
