/** An ingest script in an editor: tried on a sample as `ix` would run it, and saved as the next version. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, path, reason } from "../api/client";
import type { Job, Script } from "../api/shapes";
import { active, useFollowed } from "../panels/job-follow";
import { Code } from "../python/code";
import { publish } from "../python/publish";
import { failure } from "../python/traceback";
import { say } from "../shell/notices";
import { Button } from "../ui/button";
import { JobView } from "./job-view";

export function ScriptEditor({ name, saved }: { name: string; saved?: () => void }) {
  const script = useSignal<Script | null>(null);
  const code = useSignal("");
  const sample = useSignal("");
  const tried = useSignal("");
  const wrong = useSignal("");
  const busy = useSignal(false);
  useEffect(() => {
    ask<Script>("GET", path`/api/scripts/${name}`)
      .then((found) => {
        code.value = found.code;
        script.value = found;
      })
      .catch((error: unknown) => (wrong.value = reason(error)));
  }, [name]);

  const { job, lines } = useFollowed(tried.value);
  const going = job !== null && active(job);
  const doing = async (work: () => Promise<void>) => {
    busy.value = true;
    wrong.value = "";
    await work().catch((error: unknown) => (wrong.value = reason(error)));
    busy.value = false;
  };
  const test = () =>
    doing(async () => {
      if (!going) tried.value = (await ask<Job>("POST", "/api/ix", { line: `ix ${name} ${sample.value}`, code: code.value })).id;
    });
  const stop = () => doing(() => ask("POST", path`/api/pulse/jobs/${tried.value}/cancel`));
  const save = () =>
    doing(async () => {
      const { glyph, description, needs } = script.value!;
      const published = await publish(name, { content: code.value, symbol: glyph, description, needs });
      script.value = { ...script.value!, code: code.value, version: published.version };
      say(`Published ${published.name}, version ${published.version}.`);
      saved?.();
    });

  if (!script.value) return <div class="script-editor">{wrong.value ? <p class="wrong">{wrong.value}</p> : <p class="muted loading">Loading…</p>}</div>;
  return (
    <section class="script-editor" aria-label={`Script ${name}`}>
      <p class="result-bar">
        <b>{name}</b> <span class="muted">{script.value.version ? `version ${script.value.version}` : "built in"} · {script.value.glyph || "py"}</span>
        <span class="spring" />
        <Button kind="main" needs="run" disabled={busy.value || code.value === script.value.code} onClick={() => void save()}>
          Save as version {script.value.version + 1}
        </Button>
      </p>
      <Code text={script.value.code} label={`Script ${name}`} failure={failure(job?.error)} changed={(text) => (code.value = text)} run={() => void test()} />
      <form class="test-run" onSubmit={(event) => {
        event.preventDefault();
        void test();
      }}>
        <input aria-label="Sample input" placeholder="sample input, such as a path or an address" value={sample.value}
          onInput={(event) => (sample.value = event.currentTarget.value)} />
        {going
          ? <Button icon="stop" needs="run" onClick={() => void stop()}>Stop</Button>
          : <Button icon="run" submit needs="run" disabled={busy.value}>Test</Button>}
      </form>
      {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
      {job && (
        <div class="test-answer" role="region" aria-label="Test result" tabIndex={0}>
          <JobView job={job} lines={lines} />
        </div>
      )}
    </section>
  );
} // prettier-ignore
