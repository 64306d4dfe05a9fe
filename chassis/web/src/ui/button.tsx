/** Buttons. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons";

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick?: () => void;
  disabled?: boolean;
  pressed?: boolean;
  shortcut?: string;
  class?: string;
}

/** The label is what it is called, by screen readers and on hover. */
export function IconButton({ icon, label, onClick, disabled, pressed, shortcut, class: kind }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${kind ?? ""}`}
      aria-label={label}
      title={shortcut ? `${label} (${shortcut})` : label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
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
}

export function Button({ children, onClick, kind = "plain", icon, disabled, submit }: ButtonProps) {
  return (
    <button type={submit ? "submit" : "button"} class={`button ${kind}`} onClick={onClick} disabled={disabled}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
