/** Lines of "name value", as the forms of the exchange take lists. */

/** `text 10` lines as numbers; undefined where a line is none. */
export function numbers(lines: string): { [name: string]: number } | undefined {
  const found: { [name: string]: number } = {};
  for (const line of lines.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const [name, value, ...rest] = line.split(/\s+/);
    if (!name || value === undefined || rest.length > 0 || !/^\d+$/.test(value)) return undefined;
    found[name] = Number(value);
  }
  return found;
}

/** The other way round. */
export const lines = (values: { [name: string]: number | string }): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join("\n");

/** `id key` lines as texts. */
export function texts(given: string): { [name: string]: string } | undefined {
  const found: { [name: string]: string } = {};
  for (const line of given.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const [name, value, ...rest] = line.split(/\s+/);
    if (!name || value === undefined || rest.length > 0) return undefined;
    found[name] = value;
  }
  return found;
}

/** What officers sign (docs/spec/ledger.md, 10.6). */
export const overrideText = (origin: string, pool: string, act: string, subject: string, reason: string, at: number): string =>
  `${["evenhand/override/v1", origin, pool, `${act} ${subject}`, reason, String(at)].join("\n")}\n`;
