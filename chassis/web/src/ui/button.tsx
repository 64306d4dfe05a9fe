/** Buttons. */

import type { ComponentChildren } from "preact";
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
}

/** The label is what it is called, by screen readers and on hover. */
export function IconButton({ icon, label, onClick, disabled, pressed, shortcut, class: kind, needs }: IconButtonProps) {
  const bar = needs ? barred(needs) : "";
  return (
    <button
      type="button"
      class={`icon-button ${kind ?? ""}`}
      aria-label={label}
      title={bar || (shortcut ? `${label} (${shortcut})` : label)}
      aria-pressed={pressed}
      aria-disabled={bar !== "" || undefined}
      disabled={disabled}
      onClick={bar ? () => complain(bar) : onClick}
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
    <button type={submit && !bar ? "submit" : "button"} class={`button ${kind}`} title={bar || undefined} disabled={disabled}
      aria-disabled={bar !== "" || undefined} onClick={bar ? () => complain(bar) : onClick}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
