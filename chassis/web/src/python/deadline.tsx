/** The deadline of a glyph's runs. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Glyph } from "../api/shapes";
import { change } from "../canvas/glyphs";
import { IconButton } from "../ui/button";

const SECONDS_MAX = 86_400;

export function Deadline({ glyph }: { glyph: Glyph }) {
  const open = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const done = useRef(false);
  // Before the next key, which belongs to the field, and after it to what opened it.
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.select();
    if (done.current) button.current?.focus();
    done.current = false;
  }, [open.value]);
  const set = glyph.timeout_seconds;
  if (!open.value) {
    const label = set ? `Deadline: ${set} s` : "Deadline: the variant's own";
    return <IconButton at={button} icon="clock" label={label} pressed={set !== null} needs="run" onClick={() => (open.value = true)} />;
  }
  return (
    <label class="deadline">
      <span class="sr">Deadline in seconds; empty for the variant's own</span>
      <input ref={field} type="number" min={1} max={SECONDS_MAX} step="any" placeholder="auto" value={set ?? ""}
        onChange={(event) => {
          const seconds = event.currentTarget.valueAsNumber;
          change(glyph.id, { timeout_seconds: seconds > 0 ? Math.min(seconds, SECONDS_MAX) : null });
        }}
        onBlur={() => (open.value = false)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" && event.key !== "Escape") return;
          // Or it would press the button, too.
          event.preventDefault();
          done.current = true;
          event.currentTarget.blur();
        }} />
      <span aria-hidden="true">s</span>
    </label>
  );
} // prettier-ignore
