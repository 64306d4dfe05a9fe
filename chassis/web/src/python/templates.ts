/** What a new glyph begins with. */

export const INGEST = (name: string) => `"""Ingests ${name}: \`ix ${name} INPUT\` runs this."""

from qntx import attest, log, progress


def execute(payload):
    source = payload["input"]
    log("ingesting", source=source)
    progress(0, 1, source)
    attest([source], ["${name}:ingested"])
    return {"ingested": source}
`;

export const HINTS: Record<string, string> = {
  py: "print('hello')   # Ctrl-Enter runs it",
  "py:bio": "from Bio.Seq import Seq\nSeq('ATGGCC').translate()   # Ctrl-Enter runs it",
  "py:data": "import pandas as pd\npd.DataFrame({'x': [1, 2, 3]})   # Ctrl-Enter runs it",
};

export function hint(symbol: string, fed: boolean): string {
  return fed ? "upstream   # what the glyph before answered" : (HINTS[symbol] ?? HINTS.py!);
}
