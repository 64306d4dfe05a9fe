/** The page: where to go on the left, what is looked at beside it. */

import { signal, type ReadonlySignal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { connected } from "../api/live";
import { leave, session, signedOut } from "../api/session";
import { Canvas } from "../canvas/canvas";
import { loaded } from "../canvas/glyphs";
import { Attestations } from "../panels/attestations";
import { Audit } from "../panels/audit";
import { Handlers } from "../panels/handlers";
import { Jobs } from "../panels/jobs";
import { Plugins } from "../panels/plugins";
import { Scripts } from "../panels/scripts";
import { Watchers } from "../panels/watchers";
import { IconButton } from "../ui/button";
import { Icon } from "../ui/icons";
import { dismiss, notices } from "./notices";
import { Login } from "./login";
import { Palette } from "./palette";
import { go, section, SECTIONS } from "./route";
import { dark, toggleTheme } from "./theme";

const PANELS: Record<string, FunctionComponent> = {
  jobs: Jobs,
  scripts: Scripts,
  handlers: Handlers,
  watchers: Watchers,
  attestations: Attestations,
  plugins: Plugins,
  audit: Audit,
};

const paletteOpen = signal(false);

export function Page() {
  useEffect(() => {
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
  const Panel = PANELS[section.value];
  return (
    <>
      <Navigation at={section} />
      <main>
        {!connected.value && !signedOut.value && <p class="away" role="status">The host does not answer. Trying again…</p>}
        {/* Kept while a panel is shown: its runs go on. */}
        <div class="canvas-box" hidden={Panel !== undefined}><Canvas /></div>
        {Panel && <Panel />}
      </main>
      <Notices />
      {paletteOpen.value && <Palette close={() => (paletteOpen.value = false)} />}
      {signedOut.value && <Login again={loaded.value} />}
    </>
  );
} // prettier-ignore

function Navigation({ at }: { at: ReadonlySignal<string> }) {
  const list = useRef<HTMLElement>(null);
  // On a phone not all of them are in sight.
  useEffect(() => list.current!.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [at.value]);
  return (
    <nav class="sections" aria-label="Sections" ref={list}>
      <span class="brand" aria-hidden="true">QNTX</span>
      {SECTIONS.map(({ name, title, icon }, position) => (
        <a key={name} href={`#/${name}`} aria-current={at.value === name ? "page" : undefined} title={`${title} (Alt+${position + 1})`}>
          <Icon name={icon} />
          <span>{title}</span>
        </a>
      ))}
      <span class="spring" />
      <button type="button" class="find" onClick={() => (paletteOpen.value = true)} title="Commands (Ctrl+K)">
        <Icon name="search" />
        <span>Commands</span>
        <kbd>Ctrl K</kbd>
      </button>
      <Who />
      <IconButton icon={dark.value ? "light" : "dark"} label={dark.value ? "Light" : "Dark"} onClick={toggleTheme} />
    </nav>
  );
} // prettier-ignore

/** Who one is there, where that is asked; and what that allows. */
function Who() {
  const now = session.value;
  if (!now?.needed || !now.authenticated) return null;
  const may = { read: "may only read", run: "may run", admin: "may do everything" }[now.role ?? "read"];
  return (
    <div class="who">
      <span class="who-name" title={`This token ${may}.`}>{now.name || "token"}</span>
      <span class="muted who-may">{may}</span>
      <IconButton icon="leave" label="Log out" onClick={() => void leave()} />
    </div>
  );
} // prettier-ignore

function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ number, kind, text, action }) => (
        <p key={number} class={`notice ${kind}`}>
          <span class="spring">{text}</span>
          {action && <button type="button" class="link" onClick={() => (dismiss(number), action.act())}>{action.label}</button>}
          <IconButton icon="close" label="Dismiss" onClick={() => dismiss(number)} />
        </p>
      ))}
    </div>
  );
}

function pressed(event: KeyboardEvent): void {
  if (signedOut.value) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    paletteOpen.value = !paletteOpen.value;
    return;
  }
  const target = event.altKey && !event.ctrlKey ? SECTIONS[Number(event.key) - 1] : undefined;
  if (target) {
    event.preventDefault();
    go(target.name);
  }
}
