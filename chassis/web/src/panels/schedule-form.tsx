/** Makes a schedule, or changes when one comes due: what it runs, and when; and when that would be next. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, fault, path, Refusal, send } from "../api/client";
import type { Schedule } from "../api/shapes";
import { say } from "../shell/notices";
import { Button } from "../ui/button";
import { Dialog, toFault } from "../ui/dialog";
import { Field } from "../ui/field";
import { handlerNames } from "./handler-names";
import { useAsked } from "./loading";
import { bodyOf, draftOf, fieldOf, NEW, problems, UNITS, whenOf, type Problems, type ScheduleDraft, type Unit } from "./schedule-draft";

const SETTLE_MS = 250;
const MINUTE = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const;
const SECOND = { ...MINUTE, second: "2-digit" } as const;

interface ScheduleFormProps {
  schedule?: Schedule;
  close: () => void;
  done: () => void;
}

export function ScheduleForm({ schedule, close, done }: ScheduleFormProps) {
  const draft = useSignal<ScheduleDraft>(schedule ? draftOf(schedule) : NEW);
  const wrong = useSignal<Problems>({});
  const busy = useSignal(false);
  const next = useSignal<string[]>([]);
  const handlers = useAsked(handlerNames, []);
  const now = draft.value;
  const set = (changed: Partial<ScheduleDraft>) => {
    draft.value = { ...draft.value, ...changed };
    wrong.value = {};
  };
  const text = (field: "line" | "payload" | "every" | "cron", label: string, placeholder: string) => (
    <input value={now[field]} placeholder={placeholder} aria-label={label} spellcheck={false} autocomplete="off" aria-invalid={wrong.value[field] !== undefined}
      onInput={(event) => set({ [field]: event.currentTarget.value })} />
  ); // prettier-ignore
  useEffect(() => {
    if (problems(now)[now.when]) return void (next.value = []);
    const told = (error: unknown) => {
      next.value = [];
      wrong.value = { ...wrong.value, ...at(error) };
    };
    const shown = new AbortController();
    const asked = () => nextRuns(now, shown.signal).then((runs) => (next.value = runs)).catch((error: unknown) => shown.signal.aborted || told(error));
    const due = window.setTimeout(() => void asked(), SETTLE_MS);
    return () => {
      window.clearTimeout(due);
      shown.abort();
    };
  }, [now.when, now.every, now.unit, now.cron]); // prettier-ignore
  const at = (error: unknown) => ({ [error instanceof Refusal ? fieldOf(now, error.field) : now.when]: fault(error) });
  const save = () =>
    schedule
      ? ask("PATCH", path`/api/pulse/schedules/${schedule.id}`, whenOf(now))
      : ask("POST", "/api/pulse/schedules", bodyOf(now));
  const submit = async (event: Event) => {
    event.preventDefault();
    wrong.value = problems(now);
    const form = event.currentTarget;
    if (Object.keys(wrong.value).length > 0) return toFault(form);
    if (busy.value) return;
    busy.value = true;
    try {
      await save();
      say(schedule ? "The schedule is changed." : "It is scheduled.");
      done();
      close();
    } catch (error) {
      wrong.value = at(error);
      toFault(form);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={schedule ? `When to run ${schedule.ats_code || schedule.handler_name}` : "New schedule"} close={close}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        {!schedule && (
          <>
            <Choice label="Runs" value={now.what} options={{ ix: "An ix line", handler: "A handler" }} choose={(what) => set({ what })} />
            {now.what === "ix" ? (
              <Field label="Line" wrong={wrong.value.line} help="What is typed after ix.">{text("line", "Line", "csv /data/new.csv")}</Field>
            ) : (
              <>
                <Field label="Handler" wrong={wrong.value.handler}>
                  <select value={now.handler} onChange={(event) => set({ handler: event.currentTarget.value })}>
                    <option value="">Choose…</option>
                    {(handlers.value.value ?? []).map((name) => <option key={name} value={name}>{name}</option>)}
                  </select>
                </Field>
                <Field label="Payload" wrong={wrong.value.payload} help="JSON that it is given; may be empty.">{text("payload", "Payload", '{"day": "today"}')}</Field>
              </>
            )}
          </>
        )}
        <Choice label="When" value={now.when} options={{ every: "Every so often", cron: "At times (cron)" }} choose={(when) => set({ when })} />
        {now.when === "every" ? (
          <Field label="Every" wrong={wrong.value.every}>
            <span class="joined">
              {text("every", "Every", "1")}
              <select aria-label="Unit" value={now.unit} onChange={(event) => set({ unit: event.currentTarget.value as Unit })}>
                {Object.keys(UNITS).map((unit) => <option key={unit} value={unit}>{unit}</option>)}
              </select>
            </span>
          </Field>
        ) : (
          <Field label="Times" wrong={wrong.value.cron} help="Minute, hour, day, month, day of the week; in UTC. 0 6 * * 1 is Mondays at six.">{text("cron", "Times", "0 6 * * 1")}</Field>
        )}
        <p class="next-runs muted" role="status">{next.value.length > 0 && <>Next, in your time: {next.value.map((run) => <time key={run} dateTime={run}>{said(run, now.unit)}</time>)}</>}</p>
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button kind="main" submit disabled={busy.value}>{schedule ? "Save" : "Create"}</Button>
        </footer>
      </form>
    </Dialog>
  );
} // prettier-ignore

async function nextRuns(draft: ScheduleDraft, signal: AbortSignal): Promise<string[]> {
  const asked = new URLSearchParams(Object.entries(whenOf(draft)).map(([name, value]) => [name, String(value)]));
  const response = await send("GET", `/api/pulse/schedules/next?${asked}`, undefined, { signal });
  return ((await response.json()) as { next_runs: string[] }).next_runs;
}

function said(run: string, unit: Unit): string {
  return new Date(run).toLocaleString(undefined, unit === "seconds" ? SECOND : MINUTE);
}

interface ChoiceProps<Name extends string> {
  label: string;
  value: Name;
  options: Record<Name, string>;
  choose: (name: Name) => void;
}

function Choice<Name extends string>({ label, value, options, choose }: ChoiceProps<Name>) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {(Object.entries(options) as [Name, string][]).map(([name, words]) => (
        <label key={name} class="check">
          <input type="radio" name={label} checked={value === name} onChange={() => choose(name)} /> {words}
        </label>
      ))}
    </fieldset>
  );
} // prettier-ignore
