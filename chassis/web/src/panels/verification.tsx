/** What verifying the chain found: whether nothing was changed, and whether nothing is missing. */

import { counted } from "../ui/count";

export interface Verdict {
  valid: boolean;
  capsules_verified: number;
  error: string | null;
  complete: boolean | null;
  incomplete: string | null;
  running: number;
}

export function Verification({ verdict }: { verdict: Verdict }) {
  const { valid, capsules_verified: count, error, complete, incomplete, running } = verdict;
  return (
    <div class="verdicts" role="status">
      <p class={`verdict ${valid ? "good" : "bad"}`}>
        <b>{valid ? "Unchanged" : "Changed"}</b> {valid ? `${counted(count, "capsule")}, as sealed and in that order.` : error}
      </p>
      {complete !== null && (
        <p class={`verdict ${complete ? "good" : "bad"}`}>
          <b>{complete ? "Complete" : "Incomplete"}</b> {complete ? `Every run that was started left its capsule${running ? `; ${counted(running, "run")} under way` : ""}.` : incomplete}
        </p>
      )}
    </div>
  );
} // prettier-ignore
