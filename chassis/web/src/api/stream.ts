/** Reads what the host streams: server-sent events of an answer to a POST, and JSON lines. */

export interface Told {
  kind: string;
  data: unknown;
}

export async function* told(response: Response): AsyncGenerator<Told> {
  let kind = "message";
  for await (const line of lines(response)) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) yield { kind, data: JSON.parse(line.slice(6)) };
    else if (line === "") kind = "message";
  }
}

export async function* lines(response: Response): AsyncGenerator<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const pieces = (rest + value).split("\n");
      rest = pieces.pop() ?? "";
      yield* pieces;
    }
    if (rest) yield rest;
  } finally {
    await reader.cancel();
  }
}
