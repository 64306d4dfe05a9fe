/** Watchers and schedules: what sets work off by itself. */

import { useSignal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Schedule, Watcher } from "../api/shapes";
import { complain } from "../shell/notices";
import { termName } from "../canvas/glyphs";
import { chosen, go } from "../shell/route";
import { Button, IconButton } from "../ui/button";
import { counted } from "../ui/count";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { duration, Time } from "../ui/time";
import { useAsked } from "./loading";
import { Panel } from "./panel";
import { ScheduleForm } from "./schedule-form";
import { WatcherDetail } from "./watcher-detail";
import { WatcherForm } from "./watcher-form";

export function Watchers() {
  const making = useSignal<"watcher" | "schedule" | "">("");
  const end = () => (making.value = "");
  const watchers = useAsked(() => ask<Watcher[]>("GET", "/api/watchers"), [], ["firing", "plugin"]);
  const schedules = useAsked(() => ask<{ jobs: Schedule[] }>("GET", "/api/pulse/schedules"), [], ["job", "plugin"]);
  const own = (watchers.value.value ?? []).filter((watcher) => !watcher.id.endsWith("handler-reload"));
  const timed = schedules.value.value?.jobs ?? [];
  const loaded = watchers.value.value && schedules.value.value;
  const wrong = watchers.wrong.value || schedules.wrong.value;
  const controls = (
    <>
      <Button icon="plus" needs="run" onClick={() => (making.value = "watcher")}>Watcher</Button>
      <Button icon="plus" needs="run" onClick={() => (making.value = "schedule")}>Schedule</Button>
    </>
  );
  const list = (
    <div class="pad scroll">
      {wrong && <p class="wrong">{wrong}</p>}
      {loaded && own.length + timed.length === 0 && (
        <Empty icon="watchers" title="Nothing is watched or scheduled">
          <p>Handlers declare watchers with <code>@watch("predicate")</code> and schedules with <code>@schedule(every="1h")</code>. Others are made here.</p>
        </Empty>
      )}
      {own.length > 0 && <h2>Watchers</h2>}
      <ul class="cards">
        {own.map((watcher) => (
          <li key={watcher.id}>
            <button type="button" class="card" aria-current={chosen.value === watcher.id} onClick={() => go("watchers", watcher.id)}>
              <span class="row-main"><b>{watcher.name || watcher.id}</b><span class="muted one-line">{wanted(watcher)}</span></span>
              <span class="row-side">
                <Status of={watcher.enabled ? "enabled" : "paused"} />
                <span class={watcher.error_count ? "wrong" : "muted"}>{watcher.fire_count} fired{watcher.error_count ? `, ${counted(watcher.error_count, "error")}` : ""}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {timed.length > 0 && <h2>Schedules</h2>}
      <ul class="cards">{timed.map((schedule) => <ScheduleCard key={schedule.id} schedule={schedule} changed={schedules.again} />)}</ul>
    </div>
  );
  return (
    <>
      <Panel title="Watchers and schedules" controls={controls} list={list}
        detail={chosen.value && <WatcherDetail key={chosen.value} id={chosen.value} changed={watchers.again} />} />
      {making.value === "watcher" && <WatcherForm close={end} done={(made) => {
        watchers.again();
        go("watchers", made.id);
      }} />}
      {making.value === "schedule" && <ScheduleForm close={end} done={schedules.again} />}
    </>
  );
} // prettier-ignore

export function wanted(watcher: Watcher): string {
  const { subjects, predicates, contexts, actors } = watcher;
  const terms = { subjects, predicates, contexts, actors };
  const told = Object.entries(terms).filter(([, texts]) => texts.length > 0).map(([name, texts]) => `${name} ${texts.map(termName).join(", ")}`);
  return told.join(" · ") || "everything";
} // prettier-ignore

function ScheduleCard({ schedule, changed }: { schedule: Schedule; changed: () => void }) {
  const changing = useSignal(false);
  const act = async (work: Promise<unknown>) => {
    await work.catch((error: unknown) => complain(reason(error)));
    changed();
  };
  const at = path`/api/pulse/schedules/${schedule.id}`;
  const set = (state: string) => void act(ask("PATCH", at, { state }));
  // What a handler declares is changed in its code: anything else would last until it is read again.
  const own = !schedule.declared_by;
  const paused = schedule.state === "paused";
  const every = schedule.cron || `every ${duration(schedule.interval_seconds * 1000)}`;
  return (
    <li class="card">
      <span class="row-main">
        <b>{schedule.ats_code || schedule.handler_name}</b>
        <span class="muted one-line">{every}{schedule.declared_by && `, declared by ${schedule.declared_by}`} · {paused ? "paused" : <>next <Time at={schedule.next_run_at} /></>} · last <Time at={schedule.last_run_at} /></span>
      </span>
      <span class="row-actions">
        <Status of={schedule.state} />
        <Button needs="run" onClick={() => void act(ask("POST", `${at}/trigger`))}>Run now</Button>
        {own && <IconButton needs="run" icon="pencil" label="Change when it runs" onClick={() => (changing.value = true)} />}
        <IconButton needs="run" icon={paused ? "run" : "pause"} label={paused ? "Resume" : "Pause"} onClick={() => set(paused ? "active" : "paused")} />
        {own && <IconButton needs="run" icon="trash" label="Delete schedule" onClick={() => void act(ask("DELETE", at))} />}
      </span>
      {changing.value && <ScheduleForm schedule={schedule} close={() => (changing.value = false)} done={changed} />}
    </li>
  );
} // prettier-ignore
