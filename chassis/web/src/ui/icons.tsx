/** The page's own icons, drawn on a grid of 16. */

const PATHS = {
  run: "M5 3.5v9l7.5-4.5z",
  stop: "M4.5 4.5h7v7h-7z",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  publish: "M8 13V3.5M4 7.5l4-4 4 4",
  clock: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.3",
  meld: "M2.5 8h6M8.5 8a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0",
  plot: "M2.5 13h11M4 10l3-3.5 2.5 2L13 4",
  left: "M10 3.5 5.5 8l4.5 4.5",
  right: "M6 3.5 10.5 8 6 12.5",
  first: "M11.5 3.5 7 8l4.5 4.5M4.5 3.5v9",
  last: "M4.5 3.5 9 8l-4.5 4.5M11.5 3.5v9",
  pencil: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9 4.8l2.2 2.2",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  leave: "M9.5 3H4v10h5.5M7 8h6.5M11 5.5 13.5 8 11 10.5",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9zM10.5 10.5l3 3",
  restart: "M12.5 8A4.5 4.5 0 1 1 11 4.6M11.5 2v3h-3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  trash: "M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9",
  back: "M13 8H3.5M7 4 3 8l4 4",
  canvas: "M2.5 3h5v4.5h-5zM9.5 3h4v6h-4zM2.5 9.5h5V13h-5zM9.5 11h4v2h-4z",
  jobs: "M3 4h10M3 8h10M3 12h6",
  scripts: "M4 2.5h6l2.5 2.5v8.5H4zM6 7h4.5M6 10h4.5",
  handlers: "M9 2 4 9h4l-1 5 5-7H8z",
  watchers: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 0 0 0-3.6z",
  attestations: "M8 1.8l5 2v4c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4v-4zM5.8 8l1.6 1.6L10.4 6.4",
  plugins: "M5.5 2v3M10.5 2v3M4 5h8v3a4 4 0 0 1-8 0zM8 12v2.5",
  audit: "M6.5 9.5a2.6 2.6 0 0 1 0-3.6l1.6-1.6a2.6 2.6 0 0 1 3.6 3.6l-.8.8M9.5 6.5a2.6 2.6 0 0 1 0 3.6l-1.6 1.6a2.6 2.6 0 0 1-3.6-3.6l.8-.8",
  light: "M8 5a3 3 0 1 0 0 6a3 3 0 0 0 0-6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
  dark: "M12.8 9.8A5.3 5.3 0 0 1 6.2 3.2a5.3 5.3 0 1 0 6.6 6.6z",
  grip: "M6 4v.01M10 4v.01M6 8v.01M10 8v.01M6 12v.01M10 12v.01",
  resize: "M13 6v7H6M13 10v3h-3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  const filled = name === "run" || name === "stop";
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"
      fill={filled ? "currentColor" : "none"} stroke={filled ? "none" : "currentColor"}
      stroke-width={name === "grip" ? 2 : 1.4} stroke-linecap="round" stroke-linejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
} // prettier-ignore
