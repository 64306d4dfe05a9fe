/** Sizes, as people say them. Pure. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const STEP = 1024;
const TENTHS_BELOW = 10;

export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= STEP && unit < UNITS.length - 1; unit += 1) value /= STEP;
  return `${value < TENTHS_BELOW && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
