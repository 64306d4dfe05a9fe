/** What verifying the chain found: whether nothing was changed, and whether nothing is missing. */

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
        <b>{valid ? "Unchanged" : "Changed"}</b> {valid ? `${count.toLocaleString()} capsules have the content that was sealed, in the order it was.` : error}
      </p>
      {complete !== null && (
        <p class={`verdict ${complete ? "good" : "bad"}`}>
          <b>{complete ? "Complete" : "Incomplete"}</b> {complete ? `Every run that was started left its capsule${running ? `; ${running} still run` : ""}.` : incomplete}
        </p>
      )}
    </div>
  );
} // prettier-ignore
