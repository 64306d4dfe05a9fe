/** Buttons. One that does nothing now stays in the focus order: whoever is on it would lose their place. */

import type { ComponentChildren, Ref } from "preact";
import type { Role } from "../api/roles";
import { barred } from "../api/session";
import { complain } from "../shell/notices";
import { Icon, type IconName } from "./icons";

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick?: () => void;
  disabled?: boolean;
  pressed?: boolean;
  shortcut?: string;
  class?: string;
  /** The role it takes; without that one is told why it does nothing. */
  needs?: Role;
  /** The element, for who gives it the focus. */
  at?: Ref<HTMLButtonElement>;
}

/** The label is what it is called, by screen readers and on hover. */
export function IconButton({ icon, label, onClick, disabled, pressed, shortcut, class: kind, needs, at }: IconButtonProps) {
  const bar = needs ? barred(needs) : "";
  return (
    <button
      ref={at ?? null}
      type="button"
      class={`icon-button ${kind ?? ""}`}
      aria-label={label}
      title={bar || (shortcut ? `${label} (${shortcut})` : label)}
      aria-pressed={pressed}
      aria-disabled={disabled || bar !== "" || undefined}
      onClick={(event) => press(event, bar, disabled, onClick)}
    >
      <Icon name={icon} />
    </button>
  );
}

interface ButtonProps {
  children: ComponentChildren;
  onClick?: () => void;
  kind?: "plain" | "main" | "danger";
  icon?: IconName;
  disabled?: boolean;
  submit?: boolean;
  needs?: Role;
}

export function Button({ children, onClick, kind = "plain", icon, disabled, submit, needs }: ButtonProps) {
  const bar = needs ? barred(needs) : "";
  return (
    <button type={submit ? "submit" : "button"} class={`button ${kind}`} title={bar || undefined}
      aria-disabled={disabled || bar !== "" || undefined} onClick={(event) => press(event, bar, disabled, onClick)}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

function press(event: Event, bar: string, disabled = false, act?: () => void): void {
  if (bar || disabled) event.preventDefault();
  if (bar) complain(bar);
  else if (!disabled) act?.();
}
