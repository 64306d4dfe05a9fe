/** How many there are of something, as people say it. Pure. */

export function counted(count: number, noun: string, several = `${noun}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? noun : several}`;
}
