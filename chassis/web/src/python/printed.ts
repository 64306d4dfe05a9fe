/** Text as a terminal would leave it: without colours, a line that was written over as it was last. Pure. */

const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;
/** Colours, cursor movements, titles: what terminals act upon and a page does not. */
const SEQUENCES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f]/g;
const PICTURES = 0x2400;
const DELETE = 0x7f;
const DELETE_PICTURE = 0x2421;

export function printed(text: string): string {
  if (!CONTROL.test(text)) return text;
  const lines = text.replace(SEQUENCES, "").replaceAll("\r\n", "\n").split("\n");
  return lines.map(last).join("\n").replace(UNSEEN, picture);
}

/** Of what was written over each other, as progress bars are. */
function last(line: string): string {
  return line.includes("\r") ? (line.split("\r").findLast(Boolean) ?? "") : line;
}

function picture(character: string): string {
  const code = character.charCodeAt(0);
  return String.fromCharCode(code === DELETE ? DELETE_PICTURE : PICTURES + code);
}
