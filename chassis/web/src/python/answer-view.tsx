/** What a run said and answered, from its first line of output to its result. */

import { useEffect, useRef } from "preact/hooks";
import type { Answer } from "../api/shapes";
import { change } from "../canvas/glyphs";
import { copy, download } from "../results/download";
import { BundleView } from "../results/bundle";
import { PlainText } from "../results/plain-text";
import { table } from "../results/shape";
import { Value } from "../results/value";
import { Button, IconButton } from "../ui/button";
import { ProgressBar } from "../ui/progress";
import { TEXT_CHARACTERS_MAX, type Part } from "./output";
import { printed } from "./printed";
import { start, type Run } from "./run";

const NEAR_PX = 40;
const MARGIN_PX = 10;

export function AnswerView({ id, run }: { id: string; run: Run }) {
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  const { parts, answer, progress, refusal, state } = run;
  const going = state === "running" || state === "waiting";
  const see = () => {
    if (follow.current) box.current!.scrollTop = newest(box.current!);
  };
  useEffect(see, [parts, answer, progress]);
  const silent = answer?.success && parts.length === 0 && (answer.result === null || answer.result === undefined);
  return (
    <div class="answer" ref={box} tabIndex={0} role="region" aria-label="Output" aria-busy={going}
      onScroll={({ currentTarget: at }) => (follow.current = Math.abs(at.scrollTop - newest(at)) < NEAR_PX)} onLoadCapture={see}>
      {going && progress && <ProgressBar progress={progress} />}
      {parts.some((part) => "cut" in part && part.cut) && <Cut answer={answer} />}
      {withoutTable(answer, parts).map((part, position) => <PartView key={position} part={part} />)}
      {answer?.truncated && <p class="muted">More was printed than is kept.</p>}
      {refusal && <p class="refusal wrong" role="alert">{refusal}</p>}
      {answer?.error && <Failed id={id} error={answer.error} glyphs={answer.try_glyphs ?? []} />}
      {answer && !displayed(answer, parts) && <Value key={run.executionId} value={answer.result} />}
      {silent && <p class="muted">Done. It printed nothing and answered nothing.</p>}
    </div>
  );
} // prettier-ignore

/** Where what came last is seen: the end of what was printed or went wrong, the beginning of anything else. */
function newest(box: HTMLElement): number {
  const end = box.scrollHeight - box.clientHeight;
  const last = box.lastElementChild;
  const read = last instanceof HTMLElement && !last.matches("pre, p, .failed");
  return read ? Math.min(last.offsetTop - MARGIN_PX, end) : end;
}

/** Only the end of a very long text is shown; all that was kept of it is in the answer. */
function Cut({ answer }: { answer: Answer | null }) {
  const all = () => download("output.txt", "text/plain", [answer!.stdout, answer!.stderr].join(""));
  return (
    <p class="muted">
      Of what was printed, the last {TEXT_CHARACTERS_MAX.toLocaleString()} characters are shown.{" "}
      {answer && <button type="button" class="link" onClick={all}>Download all of it</button>}
    </p>
  );
} // prettier-ignore

/** A table that is the result is shown as the page shows tables, not also as pandas would. */
function withoutTable(answer: Answer | null, parts: Part[]): Part[] {
  if (!table(answer?.result)) return parts;
  const last = parts.findLast((part) => part.kind === "display" && !Object.keys(part.bundle).some((type) => type.startsWith("image/")));
  return parts.filter((part) => part !== last);
}

/** Where the result has no form but its repr, what it looks like says all. */
function displayed(answer: Answer, parts: Part[]): boolean {
  return parts.some((part) => part.kind === "display" && part.bundle["text/plain"] === answer.result);
}

function PartView({ part }: { part: Part }) {
  if (part.kind === "display") return <BundleView bundle={part.bundle} />;
  if (part.kind !== "log") return <pre class={`text ${part.kind}`}>{printed(part.text)}</pre>;
  const fields = Object.entries(part.fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return (
    <p class={`log-line ${part.level}`}>
      <span class="log-level">{part.level}</span> {printed(part.message)} <span class="muted">{fields.join(" ")}</span>
    </p>
  );
}

function Failed({ id, error, glyphs }: { id: string; error: string; glyphs: string[] }) {
  const elsewhere = (symbol: string) => {
    change(id, { symbol });
    void start(id);
  };
  return (
    <div class="failed" role="alert">
      <PlainText text={error.trimEnd()} />
      <div class="failed-actions">
        {glyphs.map((symbol) => (
          <Button key={symbol} icon="run" needs="run" onClick={() => elsewhere(symbol)}>run with {symbol}</Button>
        ))}
        <IconButton icon="copy" label="Copy error" onClick={() => void copy(error)} />
      </div>
    </div>
  );
} // prettier-ignore
