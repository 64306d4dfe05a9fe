/** Follows the pointer from where it is pressed to where it is let go. */

export interface Drag {
  moved: (dx: number, dy: number, event: PointerEvent) => void;
  ended?: (event: PointerEvent, moved: boolean) => void;
}

const SLACK_PX = 3;

export function drag(event: PointerEvent, { moved, ended }: Drag): void {
  if (event.button !== 0) return;
  const start = { x: event.clientX, y: event.clientY };
  let far = false;
  const follow = (at: PointerEvent) => {
    const dx = at.clientX - start.x;
    const dy = at.clientY - start.y;
    far ||= Math.hypot(dx, dy) > SLACK_PX;
    if (far) moved(dx, dy, at);
  };
  const end = (at: PointerEvent) => {
    window.removeEventListener("pointermove", follow);
    window.removeEventListener("pointerup", end);
    window.removeEventListener("pointercancel", end);
    document.body.classList.remove("dragging");
    ended?.(at, far);
  };
  document.body.classList.add("dragging");
  window.addEventListener("pointermove", follow);
  window.addEventListener("pointerup", end);
  window.addEventListener("pointercancel", end);
}
