const DAY_MS = 86_400_000;
const FEWEST = 14; // days that a chart shows at least: three bars alone say nothing
const MOST = 60;

/** Every day up to today in order, those without annotations too, so that a chart's gaps are true. */
export function fillDays(days: readonly [string, number][], today: string): [string, number][] {
  const counts = new Map(days);
  const end = Date.parse(today);
  const first = days[0] ? Date.parse(days[0][0]) : end;
  const span = Math.round((end - first) / DAY_MS) + 1;
  const length = Math.min(MOST, Math.max(FEWEST, span));
  return Array.from({ length }, (_, i) => {
    const date = new Date(end - (length - 1 - i) * DAY_MS).toISOString().slice(0, 10);
    return [date, counts.get(date) ?? 0];
  });
}
