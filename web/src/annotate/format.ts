import { t } from "./texts.svelte";

/** Seconds as people say them: "42 s", "3 min 20 s", "1 h 5 min". */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return t("time.seconds", { seconds: whole });
  if (whole < 3600) return t("time.minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
  return t("time.hours", { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60) });
}
