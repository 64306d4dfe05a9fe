/** Asks the host, and turns its refusals into errors that say what the host said. */

import { known } from "./session";

const UNKNOWN = 401;

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field: string = "",
  ) {
    super(message);
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export const AWAY = "The host does not answer. Is `qntx up` still running?";

export async function send(
  method: Method,
  path: string,
  body?: unknown,
  options: { accept?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  const headers: Record<string, string> = { Accept: options.accept ?? "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (options.signal) init.signal = options.signal;
  for (;;) {
    const response = await fetch(path, init).catch((error: unknown) => {
      throw options.signal?.aborted ? error : new Refusal(0, AWAY);
    });
    if (response.ok) return response;
    if (response.status !== UNKNOWN) throw await refusal(response);
    // Asked again once one is logged in: nothing that was typed or pressed is lost.
    await known();
  }
}

export async function ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** A path with each part escaped: names may hold anything. */
export function path(strings: TemplateStringsArray, ...parts: (string | number)[]): string {
  return String.raw({ raw: strings }, ...parts.map((part) => encodeURIComponent(part)));
}

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is wrong, without the name of the field that it is said at. */
export function fault(error: unknown): string {
  const said = reason(error);
  const named = error instanceof Refusal && error.field ? `${error.field}: ` : "";
  return named && said.startsWith(named) ? said.slice(named.length) : said;
}

async function refusal(response: Response): Promise<Refusal> {
  const text = await response.text();
  try {
    const said = JSON.parse(text) as { error?: string; detail?: string; field?: string };
    return new Refusal(response.status, said.error ?? said.detail ?? text, said.field);
  } catch {
    return new Refusal(response.status, text || response.statusText);
  }
}
