/** A field of a form: what it is called, and under it what is wrong with it. */

import type { ComponentChildren } from "preact";

interface FieldProps {
  label: string;
  wrong?: string | undefined;
  help?: ComponentChildren;
  children: ComponentChildren;
}

export function Field({ label, wrong, help, children }: FieldProps) {
  return (
    <label class={`field ${wrong ? "at-fault" : ""}`}>
      <span>{label}</span>
      {children}
      {wrong ? <small class="wrong" role="alert">{wrong}</small> : help && <small class="muted">{help}</small>}
    </label>
  );
} // prettier-ignore
