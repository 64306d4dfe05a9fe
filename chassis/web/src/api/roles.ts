/** What a token allows: each role may do what those before it may. Pure. */

export type Role = "read" | "run" | "admin";

const ORDER: Role[] = ["read", "run", "admin"];

export function allowed(has: Role | null, takes: Role): boolean {
  return has !== null && ORDER.indexOf(has) >= ORDER.indexOf(takes);
}
