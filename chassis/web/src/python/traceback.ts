/** Which line of the glyph's own code failed, and with what. Pure. */

export interface Failure {
  line: number;
  message: string;
}

/** Modules that Python itself brings are named in the same way. */
const OWN_LINE = /File "<(?!frozen )[^">]*>", line (\d+)/g;

export function failure(error: string | null | undefined): Failure | null {
  if (!error) return null;
  const last = [...error.matchAll(OWN_LINE)].at(-1);
  if (!last) return null;
  const message = error.trimEnd().split("\n").at(-1) ?? error;
  return { line: Number(last[1]), message };
}
