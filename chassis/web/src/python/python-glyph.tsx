/** A Python glyph: an editor, what runs it, and what it answered. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { reason } from "../api/client";
import { may } from "../api/session";
import type { Glyph } from "../api/shapes";
import { GlyphFrame } from "../canvas/glyph-frame";
import { change } from "../canvas/glyphs";
import { complain } from "../shell/notices";
import { IconButton } from "../ui/button";
import { AnswerView } from "./answer-view";
import { Code } from "./code";
import { Deadline } from "./deadline";
import { Elapsed } from "./elapsed";
import { Publish } from "./publish";
import { recall, run, start, stop } from "./run";
import { hint } from "./templates";
import { failure } from "./traceback";

const ROOM_FOR_ANSWER = 480;

export function PythonGlyph({ glyph }: { glyph: Glyph }) {
  const now = run(glyph.id).value;
  const publishing = useSignal(false);
  const seen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    recall(glyph.id).catch((error: unknown) => complain(reason(error)));
    // An editor is made when its glyph first comes into sight: fifty at once would be felt.
    const watch = new IntersectionObserver(([entry]) => {
      if (!entry!.isIntersecting) return;
      seen.value = true;
      watch.disconnect();
    }, { rootMargin: "400px" }); // prettier-ignore
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);
  const going = now.state === "running" || now.state === "waiting";
  const answered = now.state !== "idle";
  const runIt = () => void start(glyph.id);
  useEffect(() => {
    if (now.state === "running" && may("run") && glyph.height < ROOM_FOR_ANSWER) change(glyph.id, { height: ROOM_FOR_ANSWER });
  }, [now.state]);
  const actions = (
    <>
      <Elapsed run={now} />
      <Deadline glyph={glyph} />
      <IconButton icon="publish" label="Publish as Ingest Script" needs="run" onClick={() => (publishing.value = true)} />
      {going
        ? <IconButton icon="stop" label="Stop" class="stop" needs="run" onClick={() => void stop(glyph.id).catch((error: unknown) => complain(reason(error)))} />
        : <IconButton icon="run" label="Run" shortcut="Ctrl-Enter" class="run" needs="run" onClick={runIt} />}
    </>
  ); // prettier-ignore
  return (
    <GlyphFrame glyph={glyph} actions={actions} state={going ? "running" : now.answer ? (now.answer.success ? "ok" : "failed") : ""}>
      <div class={`python ${answered ? "answered" : ""}`} ref={box}>
        {seen.value ? (
          <Code
            text={glyph.content}
            label={`Code of ${glyph.title || glyph.symbol}`}
            hint={hint(glyph.symbol, glyph.fed_by !== "")}
            failure={failure(now.answer?.error)}
            changed={(content) => change(glyph.id, { content })}
            run={runIt}
            readOnly={!may("run")}
            focused={glyph.content === "" && may("run")}
          />
        ) : (
          <pre class="text">{glyph.content}</pre>
        )}
        {answered && <AnswerView id={glyph.id} run={now} />}
      </div>
      {publishing.value && <Publish glyph={glyph} close={() => (publishing.value = false)} />}
    </GlyphFrame>
  );
}
