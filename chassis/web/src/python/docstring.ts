/** What documentation says, without the line ends that are the source's own. Pure. */

/** Lines that are indented stand as they are: an example, or a list. */
export function flowing(doc: string): string {
  const paragraphs = doc.trim().split(/\n\s*\n/);
  return paragraphs.map((each) => (/^\s/m.test(each) ? each : each.replaceAll("\n", " "))).join("\n\n");
}
