/** HTML that users' code made, in a frame of no origin that reaches neither the page nor the host. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { dark } from "../shell/theme";

const HEIGHT_MIN = 40;
const HEIGHT_MAX = 800;

export function HtmlFrame({ html }: { html: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const height = useSignal(HEIGHT_MIN);
  const shade = dark.value;
  useEffect(() => {
    const heard = (event: MessageEvent<{ ready?: boolean; height?: number }>) => {
      if (event.source !== frame.current?.contentWindow) return;
      // Its origin is none, so there is no other address to post to; it can tell nobody.
      if (event.data.ready) frame.current?.contentWindow?.postMessage({ html, dark: shade }, "*");
      const told = Number(event.data.height);
      if (told > 0) height.value = Math.min(Math.max(told, HEIGHT_MIN), HEIGHT_MAX);
    };
    window.addEventListener("message", heard);
    return () => window.removeEventListener("message", heard);
  }, [html, shade]);
  return (
    <iframe
      key={`${shade}:${html.length}`}
      ref={frame}
      src="/frame"
      sandbox="allow-scripts"
      title="Output as HTML"
      style={{ height: `${height.value}px` }}
    />
  );
}
