/** An ix glyph: a line that says what to ingest, and how far that is. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, path, reason, Refusal } from "../api/client";
import { on } from "../api/live";
import type { Glyph, Job, Script } from "../api/shapes";
import { placed } from "../canvas/placed";
import { GlyphFrame } from "../canvas/glyph-frame";
import { answers, change, flush } from "../canvas/glyphs";
import { active, useFollowed } from "../panels/job-follow";
import { INGEST } from "../python/templates";
import { complain } from "../shell/notices";
import { IconButton } from "../ui/button";
import { JobView } from "./job-view";
import { typed, written } from "./line";
import { LineField } from "./line-field";
import { ScriptEditor } from "./script-editor";

const WIDTH_WITH_EDITOR = 960;
const HEIGHT_WITH_EDITOR = 520;

/** What an ix glyph answers. */
interface Ingested {
  job_id: string;
}

interface Wrong {
  text: string;
  /** The type there is no script of. */
  missing: string;
}

export function IxGlyph({ glyph }: { glyph: Glyph }) {
  const scripts = useSignal<Script[]>([]);
  const jobId = useSignal("");
  const wrong = useSignal<Wrong | null>(null);
  const editing = useSignal("");
  const before = useRef<{ width: number; height: number } | null>(null);

  const reload = () => ask<Script[]>("GET", "/api/scripts").then((all) => (scripts.value = all)).catch((error: unknown) => complain(reason(error)));
  useEffect(() => {
    void reload();
    const known = answers.get(glyph.id) as Ingested | undefined;
    if (known) return void (jobId.value = known.job_id);
    void ask<{ result: Ingested | null }>("GET", path`/api/canvas/${glyph.id}/result`).then(({ result }) => {
      if (result && !jobId.value) jobId.value = result.job_id;
    });
  }, []); // prettier-ignore
  // In whichever window it was set off.
  useEffect(() => on<{ glyph_id: string; execution_id: string }>("glyph_fired", (fired) => {
    if (fired.glyph_id === glyph.id && fired.execution_id) jobId.value = fired.execution_id;
  }), []); // prettier-ignore
  useEffect(() => {
    if (jobId.value) answers.set(glyph.id, { job_id: jobId.value });
  }, [jobId.value]);

  const { job, lines } = useFollowed(jobId.value);
  const going = job !== null && active(job);

  const run = async () => {
    wrong.value = null;
    if (!typed(glyph.content)) return;
    try {
      await flush(glyph.id);
      const queued = await ask<Job>("POST", "/api/ix", { line: written(glyph.content) });
      jobId.value = queued.id;
      await ask("PUT", path`/api/canvas/${glyph.id}/result`, { result: { job_id: queued.id } });
    } catch (error) {
      const missing = error instanceof Refusal && error.status === 404 ? typed(glyph.content) : "";
      wrong.value = { text: reason(error), missing };
    }
  };
  const create = (name: string) => placed("py", { title: name, content: INGEST(name) });
  const edit = () => {
    editing.value = editing.value ? "" : typed(glyph.content);
    if (editing.value) {
      before.current = { width: glyph.width, height: glyph.height };
      change(glyph.id, { width: Math.max(glyph.width, WIDTH_WITH_EDITOR), height: Math.max(glyph.height, HEIGHT_WITH_EDITOR) });
    } else if (before.current) {
      change(glyph.id, before.current);
    }
  };

  const known = scripts.value.some((script) => script.name === typed(glyph.content));
  const actions = (
    <>
      <IconButton icon="pencil" label={`Edit the script of ${typed(glyph.content) || "this type"}`} disabled={!known && !editing.value}
        pressed={editing.value !== ""} onClick={edit} />
      {going
        ? <IconButton icon="stop" label="Cancel" class="stop" needs="run" onClick={() => void ask("POST", path`/api/pulse/jobs/${job.id}/cancel`).catch((error: unknown) => complain(reason(error)))} />
        : <IconButton icon="run" label="Ingest" shortcut="Enter" class="run" needs="run" onClick={() => void run()} />}
    </>
  ); // prettier-ignore
  return (
    <GlyphFrame glyph={glyph} actions={actions} state={going ? "running" : job ? (job.status === "completed" ? "ok" : "failed") : ""}>
      <div class={`ix ${editing.value ? "editing" : ""}`}>
        <div class="ix-main">
          <LineField line={glyph.content} scripts={scripts.value} changed={(content) => change(glyph.id, { content })} run={() => void run()} />
          {wrong.value && (
            <p class="refusal wrong" role="alert">
              {wrong.value.text}{" "}
              {wrong.value.missing && <button type="button" class="link" onClick={() => create(wrong.value!.missing)}>Create one</button>}
            </p>
          )}
          {job && !wrong.value && <JobView job={job} lines={lines} />}
          {!job && !wrong.value && <p class="muted ix-hint">Type what to ingest and press Enter. Types are suggested as you type.</p>}
        </div>
        {editing.value && <ScriptEditor key={editing.value} name={editing.value} saved={() => void reload()} />}
      </div>
    </GlyphFrame>
  );
} // prettier-ignore
