/** Makes a schedule, or changes how often one comes due: what it runs, and when. */

import { useSignal } from "@preact/signals";
import { ask, path, reason, Refusal } from "../api/client";
import type { Schedule } from "../api/shapes";
import { say } from "../shell/notices";
import { Button } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { handlerNames } from "./handler-names";
import { useAsked } from "./loading";
import { bodyOf, draftOf, fieldOf, NEW, problems, seconds, UNITS, type Problems, type ScheduleDraft, type Unit } from "./schedule-draft";

interface ScheduleFormProps {
  schedule?: Schedule;
  close: () => void;
  done: () => void;
}

export function ScheduleForm({ schedule, close, done }: ScheduleFormProps) {
  const draft = useSignal<ScheduleDraft>(schedule ? draftOf(schedule) : NEW);
  const wrong = useSignal<Problems>({});
  const busy = useSignal(false);
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
  const save = () =>
    schedule
      ? ask("PATCH", path`/api/pulse/schedules/${schedule.id}`, { interval_seconds: seconds(now) })
      : ask("POST", "/api/pulse/schedules", bodyOf(now));
  const submit = async (event: Event) => {
    event.preventDefault();
    wrong.value = problems(now);
    if (busy.value || Object.keys(wrong.value).length > 0) return;
    busy.value = true;
    try {
      await save();
      say(schedule ? "The schedule is changed." : "It is scheduled.");
      done();
      close();
    } catch (error) {
      wrong.value = { [error instanceof Refusal ? fieldOf(now, error.field) : "every"]: reason(error) };
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={schedule ? `How often: ${schedule.ats_code || schedule.handler_name}` : "New schedule"} close={close}>
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
            <Choice label="When" value={now.when} options={{ every: "Every so often", cron: "At times (cron)" }} choose={(when) => set({ when })} />
          </>
        )}
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
          <Field label="Times" wrong={wrong.value.cron} help="Minute, hour, day, month, day of the week; in UTC.">{text("cron", "Times", "0 6 * * 1")}</Field>
        )}
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button kind="main" submit disabled={busy.value}>{schedule ? "Save" : "Create"}</Button>
        </footer>
      </form>
    </Dialog>
  );
} // prettier-ignore

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
