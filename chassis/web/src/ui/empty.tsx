/** Nothing to show yet: says so, and what to do about it. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons";

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}
