/** The lines a job wrote. */

import { useEffect, useRef } from "preact/hooks";
import type { JobLine } from "../api/shapes";
import { printed } from "../python/printed";

const SHOWN_MAX = 1000;

export function JobLog({ lines }: { lines: JobLine[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current!.scrollTop = box.current!.scrollHeight;
  }, [lines.length]);
  return (
    <div class="log" ref={box} tabIndex={0} role="log" aria-label="Log">
      {lines.slice(-SHOWN_MAX).map((line) => (
        <p key={line.number} class={`log-line ${line.level}`}>
          <span class="log-level">{line.stage && line.stage !== line.level ? line.stage : line.level}</span> {printed(line.message)}
        </p>
      ))}
    </div>
  );
}
