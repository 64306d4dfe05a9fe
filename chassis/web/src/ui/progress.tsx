/** How far something is; without a total, only that it goes on. */

import type { Progress } from "../api/shapes";

export function ProgressBar({ progress }: { progress: Progress }) {
  const { current, total, message } = progress;
  const count = total ? `${current ?? 0} of ${total}` : current ? String(current) : "";
  return (
    <div class="progress">
      <progress aria-label="Progress" {...(total ? { value: current ?? 0, max: total } : {})} />
      <span class="muted">{[message, count].filter(Boolean).join(" · ")}</span>
    </div>
  );
}
