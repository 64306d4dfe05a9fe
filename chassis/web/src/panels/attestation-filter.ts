/** Which attestations are looked at, as it is typed. Pure. */

export interface Wanted {
  subject: string;
  predicate: string;
  context: string;
  actor: string;
  since: string;
}

export const EVERYTHING: Wanted = { subject: "", predicate: "", context: "", actor: "", since: "" };
export const FIELDS = Object.keys(EVERYTHING) as (keyof Wanted)[];

export function query(wanted: Wanted, more: Record<string, string> = {}): string {
  const asked = new URLSearchParams(more);
  for (const field of FIELDS) if (wanted[field].trim()) asked.set(field, wanted[field].trim());
  return asked.toString();
}
