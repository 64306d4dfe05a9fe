/** Brings a glyph into sight, and the writing to it. */

export function reveal(id: string): void {
  window.setTimeout(() => {
    const element = document.querySelector(`[data-glyph="${id}"]`);
    element?.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "smooth" });
    element?.querySelector<HTMLElement>(".cm-content, .ix-line input")?.focus({ preventScroll: true });
  });
}
