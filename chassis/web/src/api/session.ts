/** Who one is to the host, and what one may do there. */

import { computed, signal } from "@preact/signals";
import { allowed, type Role } from "./roles";

export interface Session {
  /** Whether the host demands a token at all. */
  needed: boolean;
  authenticated: boolean;
  role: Role | null;
  name: string;
}

const PATH = "/api/session";
/** A host that keeps no sessions asks nobody. */
const OPEN: Session = { needed: false, authenticated: true, role: "admin", name: "" };

export const session = signal<Session | null>(null);
export const signedOut = computed(() => session.value !== null && session.value.needed && !session.value.authenticated);

/** How often one has come in: what went away with the one before is asked for anew. */
export const logins = signal(0);

let waiting: (() => void)[] = [];

export function may(role: Role): boolean {
  return !session.value?.needed || allowed(session.value.role, role);
}

/** Why one may not; empty where one may. */
export function barred(role: Role): string {
  const now = session.value;
  if (!now?.needed || may(role)) return "";
  return `Your token may only ${now.role ?? "look"}; this takes a token with the role ${role}.`;
}

export async function look(): Promise<void> {
  await take(await fetch(PATH));
}

/** Returns what is wrong with the token; nothing where one is in. */
export async function enter(token: string): Promise<string> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(PATH, { method: "POST", headers, body: JSON.stringify({ token }) }).catch(() => null);
  if (!response) return "The host does not answer.";
  if (response.ok) {
    await take(response);
    logins.value += 1;
    return "";
  }
  const said = ((await response.json().catch(() => ({}))) as { error?: string }).error ?? response.statusText;
  const later = response.headers.get("Retry-After");
  return response.status === 429 && later ? `${said} (in ${later} s)` : said;
}

export async function leave(): Promise<void> {
  await fetch(PATH, { method: "DELETE" });
  // What was shown to one is not for the next.
  location.reload();
}

/** The host has said that one is not, or no longer, known to it; resolves once one is. */
export async function known(): Promise<void> {
  session.value = { needed: true, authenticated: false, role: null, name: "" };
  await new Promise<void>((resolve) => waiting.push(resolve));
}

async function take(response: Response): Promise<void> {
  session.value = response.ok ? ((await response.json()) as Session) : OPEN;
  if (signedOut.value) return;
  const due = waiting;
  waiting = [];
  for (const go of due) go();
}
