/** A JSON value as a tree that is opened branch by branch. */

import { useSignal } from "@preact/signals";
import { isPlain } from "./shape";

const CHILDREN_SHOWN = 100;
const OPEN_DEPTH = 3;
const TEXT_SHOWN = 2000;

export function JsonTree({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  const branches: [string, unknown][] | null = Array.isArray(value)
    ? value.map((each, position) => [String(position), each])
    : isPlain(value)
      ? Object.entries(value)
      : null;
  if (!branches) return <Leaf name={name} value={value} />;
  return <Branch name={name} branches={branches} list={Array.isArray(value)} depth={depth} />;
}

function Branch(props: { name: string | undefined; branches: [string, unknown][]; list: boolean; depth: number }) {
  const { name, branches, list, depth } = props;
  const open = useSignal(depth < OPEN_DEPTH && branches.length <= CHILDREN_SHOWN);
  const shown = useSignal(CHILDREN_SHOWN);
  const count = list ? `[${branches.length}]` : `{${branches.length}}`;
  if (branches.length === 0) return <Leaf name={name} value={list ? [] : {}} />;
  return (
    <details class="json" open={open.value} onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        {name !== undefined && <span class="json-key">{name}</span>} <span class="muted">{count}</span>
      </summary>
      {open.value && (
        <div class="json-branches">
          {branches.slice(0, shown.value).map(([key, each]) => <JsonTree key={key} name={key} value={each} depth={depth + 1} />)}
          {branches.length > shown.value && (
            <button type="button" class="link" onClick={() => (shown.value += CHILDREN_SHOWN * 5)}>
              {branches.length - shown.value} more
            </button>
          )}
        </div>
      )}
    </details>
  );
} // prettier-ignore

function Leaf({ name, value }: { name: string | undefined; value: unknown }) {
  const kind = value === null ? "null" : typeof value;
  const text = JSON.stringify(value) ?? "null";
  return (
    <div class="json-leaf">
      {name !== undefined && <span class="json-key">{name}</span>}{" "}
      <span class={`json-${kind}`}>{text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN)}… (${text.length} characters)` : text}</span>
    </div>
  );
}
