/** One ingest script: how its runs went, its code, and what changed from version to version. */

import { useSignal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Script, Statistics } from "../api/shapes";
import { ScriptEditor } from "../ix/script-editor";
import { download } from "../results/download";
import { PlainText } from "../results/plain-text";
import { complain, say } from "../shell/notices";
import { go } from "../shell/route";
import { Button, IconButton } from "../ui/button";
import { duration, Time } from "../ui/time";
import { diff, folded } from "./diff";
import { useAsked } from "./loading";
import { Facts } from "./panel";

export function ScriptDetail({ name, changed }: { name: string; changed: () => void }) {
  const versions = useAsked(() => ask<Script[]>("GET", path`/api/scripts/${name}/versions`), [name]);
  const statistics = useAsked(() => ask<Statistics>("GET", path`/api/scripts/${name}/statistics`), [name], ["job"]);
  const known = versions.value.value ?? [];
  const saved = () => {
    versions.again();
    changed();
  };
  const withdraw = async () => {
    if (!window.confirm(`Take ${name} out of use? Its versions stay in the record.`)) return;
    try {
      await ask("DELETE", path`/api/scripts/${name}`);
      say(`${name} is out of use.`);
      go("scripts");
      changed();
    } catch (error) {
      complain(reason(error));
    }
  };
  const share = () =>
    ask<unknown>("GET", path`/api/scripts/${name}/export`)
      .then((file) => download(`${name}.json`, "application/json", JSON.stringify(file, null, 2)))
      .catch((error: unknown) => complain(reason(error)));
  return (
    <>
      <h2>{name}</h2>
      <div class="detail-actions">
        <span class="muted">ix {name} INPUT</span>
        <span class="spring" />
        <IconButton icon="download" label="Export, signed by this node" onClick={() => void share()} />
        {known.some((script) => script.version > 0) && <Button kind="danger" needs="run" onClick={() => void withdraw()}>Withdraw</Button>}
      </div>
      {statistics.value.value && <Runs statistics={statistics.value.value} />}
      <ScriptEditor name={name} saved={saved} />
      {known.length > 1 && <Versions versions={known} />}
    </>
  );
} // prettier-ignore

function Runs({ statistics }: { statistics: Statistics }) {
  const { runs, failed, success_rate: rate, duration_ms_p50: p50, last_run_at, last_error } = statistics;
  if (runs === 0) return <p class="muted">Not run yet.</p>;
  return (
    <>
      <Facts facts={[
        ["Runs", String(runs)],
        ["Succeeded", rate === null ? "" : `${Math.round(rate * 100)} %`],
        ["Failed", failed ? String(failed) : ""],
        ["Median time", p50 === null ? "" : duration(p50)],
        ["Last run", <Time at={last_run_at} />],
      ]} />
      {last_error && <details><summary>Last error</summary><PlainText kind="wrong" text={last_error.trimEnd()} /></details>}
    </>
  );
} // prettier-ignore

function Versions({ versions }: { versions: Script[] }) {
  const newest = versions[0]!;
  const from = useSignal(versions[1]!.version);
  const to = useSignal(newest.version);
  const of = (version: number) => versions.find((script) => script.version === version)?.code ?? "";
  const pick = (label: string, chosen: typeof from) => (
    <select aria-label={label} value={chosen.value} onChange={(event) => (chosen.value = Number(event.currentTarget.value))}>
      {versions.map((script) => <option key={script.version} value={script.version}>{script.version ? `version ${script.version}` : "built in"}</option>)}
    </select>
  ); // prettier-ignore
  const lines = folded(diff(of(from.value), of(to.value)));
  return (
    <>
      <h3>Versions</h3>
      <p class="result-bar">
        {pick("From version", from)} → {pick("To version", to)}
        <span class="muted">published <Time at={versions.find((script) => script.version === to.value)?.created_at} /></span>
      </p>
      <pre class="diff" tabIndex={0} aria-label="Difference">
        {lines.map((line, position) => <span key={position} class={line.kind}>{MARKS[line.kind]}{line.text}{"\n"}</span>)}
        {lines.every((line) => line.kind === "skipped") && "No difference."}
      </pre>
    </>
  );
} // prettier-ignore

const MARKS = { same: "  ", added: "+ ", removed: "- ", skipped: "⋯ " };
