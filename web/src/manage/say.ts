/** Figures and times as the reader writes them. */
import { currentLanguage, formatTime } from "../lib/language.svelte";
import { formatNumber } from "../lib/messages";

export const number = (value: number): string => formatNumber(currentLanguage(), value);

/** A share: "37%". What is begun is not 0, and what lacks something is not 100. */
export function percent(share: number): string {
  const digits = (share > 0 && share < 0.01) || (share > 0.99 && share < 1) ? 1 : 0;
  const inside = share > 0 && share < 1 ? Math.min(Math.max(share, 0.001), 0.999) : share;
  return new Intl.NumberFormat(currentLanguage(), { style: "percent", maximumFractionDigits: digits }).format(inside);
}

/** Bytes in steps of 1,000: "4.2MB". */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  const options = { style: "unit", unit: units[step] ?? "byte", unitDisplay: "narrow", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(currentLanguage(), options).format(count / 1000 ** step);
}

/** Decimal places of a currency's minor unit: 2 for euros, 0 for yen; 2 for what is no currency. */
export function fractionDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2; // still being typed
  }
}

/** An amount of minor units: 1234 of EUR is "€12.34". */
export function money(amount: number, currency: string): string {
  const value = amount / 10 ** fractionDigits(currency);
  return new Intl.NumberFormat(currentLanguage(), { style: "currency", currency }).format(value);
}

/** A length of time: "35 s", "12 min", "3.4 h". */
export function duration(seconds: number): string {
  const [value, unit] =
    seconds < 100 ? [seconds, "second"] : seconds < 6000 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const options = { style: "unit", unit: String(unit), unitDisplay: "short" } as const;
  const digits = { maximumFractionDigits: unit === "hour" ? 1 : 0 };
  return new Intl.NumberFormat(currentLanguage(), { ...options, ...digits }).format(Number(value));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** A moment near to now: "3 minutes ago", "in 6 days"; farther away, the date. */
export function ago(moment: string): string {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  if (Math.abs(seconds) > 7.5 * 86_400) return formatTime(moment);
  const format = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  const [unit, length] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return unit === "second" ? format.format(0, "second") : format.format(Math.round(seconds / length), unit);
}

/** A day of the calendar, "2026-11-23", shortly. */
export function day(date: string): string {
  const options = { day: "numeric", month: "short", timeZone: "UTC" } as const;
  return new Intl.DateTimeFormat(currentLanguage(), options).format(new Date(`${date}T00:00:00Z`));
}
