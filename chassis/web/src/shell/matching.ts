/** Which commands are meant by what is typed. Pure. */

export interface Command {
  title: string;
  group: string;
  shortcut?: string;
  run: () => void;
}

/** Those that have all the typed letters in order; those that begin with them first. */
export function matching(all: Command[], typed: string): Command[] {
  const letters = typed.trim().toLowerCase();
  const rank = (command: Command) => {
    const title = command.title.toLowerCase();
    if (!letters || title.startsWith(letters)) return 0;
    if (title.includes(letters)) return 1;
    return inOrder(`${command.group} ${title}`.toLowerCase(), letters) ? 2 : -1;
  };
  return all
    .map((command) => ({ command, rank: rank(command) }))
    .filter((each) => each.rank >= 0)
    .sort((one, other) => one.rank - other.rank)
    .map((each) => each.command);
}

function inOrder(text: string, letters: string): boolean {
  let at = 0;
  for (const letter of text) if (letter === letters[at]) at += 1;
  return at === letters.length;
}
