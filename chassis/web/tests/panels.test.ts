/** What forms send, what filters ask, which commands are meant, and who may do what. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { allowed } from "../src/api/roles";
import type { Schedule, Watcher } from "../src/api/shapes";
import { EVERYTHING, query } from "../src/panels/attestation-filter";
import { facts } from "../src/panels/plugin-facts";
import * as schedule from "../src/panels/schedule-draft";
import * as watcher from "../src/panels/watcher-draft";
import { matching } from "../src/shell/matching";

const command = (title: string, group = "Go to") => ({ title, group, run: () => undefined });

test("a role may do what those before it may", () => {
  assert.deepEqual([allowed("read", "read"), allowed("read", "run"), allowed("admin", "run"), allowed(null, "read")], [true, false, true, false]);
});

test("a filter asks for what is filled in, and no more", () => {
  assert.equal(query(EVERYTHING), "");
  assert.equal(query({ ...EVERYTHING, predicate: " a:b ", since: "3 days ago" }, { limit: "5" }), "limit=5&predicate=a%3Ab&since=3+days+ago");
});

test("commands that begin with what is typed come before those that only have its letters", () => {
  const all = [command("New py glyph", "Place"), command("Jobs"), command("Plugins"), command("Audit")];
  const titles = (typed: string) => matching(all, typed).map(({ title }) => title);

  assert.deepEqual(titles("p"), ["Plugins", "New py glyph"]);
  assert.deepEqual(titles("nwpy"), ["New py glyph"]);
  assert.deepEqual(titles("zzz"), []);
  assert.equal(titles(" ").length, 4);
});

test("a watcher that lacks something says what, at its field", () => {
  assert.deepEqual(Object.keys(watcher.problems({ ...watcher.NEW, rate: "" })), ["name", "predicates", "code", "rate"]);
  assert.deepEqual(Object.keys(watcher.problems({ ...watcher.NEW, name: "n", actors: "a", action: "webhook", url: "ftp://x" })), ["url"]);
  assert.deepEqual(watcher.problems({ ...watcher.NEW, name: "n", subjects: "s", code: "1", rate: "0" }), {});
});

test("a watcher is sent as the host has it, and is read back the same", () => {
  const drafts: Partial<watcher.WatcherDraft>[] = [
    { action: "python", code: "print(1)", symbol: "py:bio" },
    { action: "glyph_execute", glyph: "g1" },
    { action: "plugin_execute", handler: "bio/bio.count" },
    { action: "webhook", url: "http://127.0.0.1:1/x" },
  ];
  for (const each of drafts) {
    const draft = { ...watcher.NEW, name: "n", predicates: "a, b", ...each };
    const body = watcher.bodyOf(draft);

    assert.deepEqual(body.predicates, ["a", "b"]);
    assert.deepEqual(watcher.draftOf(body as unknown as Watcher), draft);
  }
});

test("what the host says of a field is said at the field of the form", () => {
  assert.equal(watcher.fieldOf({ ...watcher.NEW, action: "webhook" }, "action_data"), "url");
  assert.equal(watcher.fieldOf(watcher.NEW, "max_fires_per_second"), "rate");
  assert.equal(watcher.fieldOf(watcher.NEW, "unheard-of"), "name");
  assert.equal(schedule.fieldOf({ ...schedule.NEW, what: "handler" }, "handler_name"), "handler");
  assert.equal(schedule.fieldOf(schedule.NEW, "interval_seconds"), "every");
});

test("a schedule is an ix line or a handler, every so often or at times", () => {
  const line = { ...schedule.NEW, line: "ix csv a", every: "90", unit: "minutes" as const };
  const handler = { ...schedule.NEW, what: "handler" as const, handler: "bio/x", payload: '{"a":1}', when: "cron" as const, cron: "0 6 * * 1" };

  assert.deepEqual(schedule.bodyOf(line), { ats_code: "ix csv a", interval_seconds: 5400 });
  assert.deepEqual(schedule.bodyOf(handler), { handler_name: "bio/x", payload: { a: 1 }, cron: "0 6 * * 1" });
});

test("a schedule that lacks something says what, at its field", () => {
  assert.deepEqual(Object.keys(schedule.problems({ ...schedule.NEW, every: "0" })), ["line", "every"]);
  assert.deepEqual(Object.keys(schedule.problems({ ...schedule.NEW, what: "handler", payload: "{", when: "cron", cron: " " })), ["handler", "payload", "cron"]);
});

test("an interval is shown in its largest unit", () => {
  const of = (interval_seconds: number) => schedule.draftOf({ ats_code: "ix a", handler_name: "", cron: "", interval_seconds } as Schedule);

  assert.deepEqual([of(7200).every, of(7200).unit], ["2", "hours"]);
  assert.deepEqual([of(90).every, of(90).unit], ["90", "seconds"]);
});

test("what a plugin tells is in the order in which people ask, and what is new comes last", () => {
  const told = { zeta: "1", queued: "3", running: "0", "executions.timed_out": "2", "executions.finished": "5", bio: "3.11.7 (main)", engine: "ready", "preload.Bio": "no" };

  assert.deepEqual(facts("bio", told).filter(([, text]) => text), [
    ["Python", "3.11.7"], ["Engine", "ready"], ["Runs now", "0 under way, 3 waiting"], ["Runs so far", "5 finished, 2 timed out"],
    ["Preload Bio", "no"], ["zeta", "1"],
  ]);
}); // prettier-ignore
