/** Times in a recording, seconds, as people read them. */

/** 75.5 as "1:15.50". */
export function clock(time: number): string {
  const whole = Math.round(time * 1000) / 1000;
  const minutes = Math.floor(whole / 60);
  const seconds = (whole - 60 * minutes).toFixed(2).padStart(5, "0");
  return minutes < 60 ? `${minutes}:${seconds}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}`;
}
