/** The shapes that the host's API speaks in, under the names the page calls them by. */

import type { components } from "./schema";

type Shapes = components["schemas"];

export type Answer = Shapes["ExecutionAnswer"];
export type Attestation = Shapes["AttestationRecord"];
export type ExecuteBody = Partial<Shapes["ExecuteBody"]>;
export type KeptGlyph = Shapes["GlyphAnswer"];
export type Glyph = Omit<KeptGlyph, "version">;
export type Job = Shapes["JobRecord"];
export type JobLine = Shapes["LineRecord"];
export type Name = Shapes["Name"];
export type PluginInfo = Shapes["PluginInfo"];
export type PluginLine = Shapes["LogLine"];
export type Script = Shapes["ScriptRecord"];
export type RunUnderWay = Shapes["UnderWay"];
export type Statistics = Shapes["Statistics"];
export type Watcher = Shapes["WatcherAnswer"];

export interface GlyphKind {
  plugin: string;
  symbol: string;
  title: string;
  label: string;
}

export interface Schedule {
  id: string;
  ats_code: string;
  handler_name: string;
  interval_seconds: number;
  cron: string;
  next_run_at: string;
  last_run_at: string;
  last_execution_id: string;
  state: string;
  declared_by: string;
}

export interface Progress {
  current?: number | null;
  total?: number | null;
  message?: string | null;
}

export interface HandlerRun {
  execution_id: string;
  function: string;
  ended_at_ms: number;
  outcome: string;
  duration_ms: number;
  error: string;
}

export interface Handler {
  name: string;
  handler_name: string;
  status: "new" | "ok" | "failing" | "faulted";
  fault: string;
  description: string;
  functions: {
    name: string;
    address: string;
    description: string;
    watches: { predicates: string[]; contexts: string[] }[];
    every_seconds: number[];
  }[];
  attestation_id: string;
  published_at_ms: number;
  runs: number;
  failures: number;
  failing_in_a_row: number;
  last_runs: HandlerRun[];
}

export interface Capsule {
  id: string;
  type: string;
  domain: string;
  sequence: number;
  previous_hash: string | null;
  hash: string;
  signature: string;
  signed_at: string | null;
  signed_by: string;
  trigger: { type: string; source: string; timestamp: string; request: string };
  context: { agent_id: string; environment: Record<string, unknown> };
  execution: { duration_ms: number };
  outcome: { status: string; result: unknown; summary: string; error: string | null };
  [section: string]: unknown;
}
