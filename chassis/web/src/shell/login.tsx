/** The way in, where the host demands a token. What is behind stays as it was: nothing typed is lost. */

import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { enter } from "../api/session";
import { Button } from "../ui/button";

export function Login({ again }: { again: boolean }) {
  const token = useSignal("");
  const wrong = useSignal("");
  const busy = useSignal(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    wrong.value = token.value.trim() ? await enter(token.value.trim()) : "Paste a token first.";
    busy.value = false;
    if (wrong.value) field.current?.select();
  };
  return (
    <dialog ref={dialog} class={`login ${again ? "again" : ""}`} aria-labelledby="login-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <p class="brand" aria-hidden="true">QNTX</p>
        <h1 id="login-title">{again ? "Log in again" : "Log in"}</h1>
        <p class="muted">
          {again ? "The host does not know you any more: your token was withdrawn, or ran out. What you wrote is still here." : "This host is reached over a network, and asks who you are."}
        </p>
        <label class="field">
          <span>Token</span>
          <input ref={field} type="password" name="token" autocomplete="current-password" spellcheck={false} autoFocus placeholder="qntx_…"
            value={token.value} aria-invalid={wrong.value !== ""} aria-describedby="login-help"
            onInput={(event) => {
              token.value = event.currentTarget.value;
              wrong.value = "";
            }} />
          {wrong.value && <span class="wrong" role="alert">{wrong.value}</span>}
        </label>
        <p id="login-help" class="muted" hidden={wrong.value !== ""}>Whoever runs the host makes one with <code>qntx token create</code>.</p>
        <footer><Button kind="main" submit disabled={busy.value}>Log in</Button></footer>
      </form>
    </dialog>
  );
} // prettier-ignore
