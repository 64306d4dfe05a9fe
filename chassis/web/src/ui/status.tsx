/** A state, as a word with a colour of its own. */

const TONES: Record<string, string> = {
  running: "busy",
  loading: "busy",
  restarting: "busy",
  queued: "calm",
  paused: "calm",
  new: "busy",
  active: "good",
  completed: "good",
  ok: "good",
  success: "good",
  enabled: "good",
  failed: "bad",
  failing: "bad",
  faulted: "bad",
  failure: "bad",
  stopped: "bad",
};

export function Status({ of, tone }: { of: string; tone?: "good" | "bad" | "busy" | "calm" }) {
  return <span class={`status ${tone ?? TONES[of] ?? "calm"}`}>{of}</span>;
}
