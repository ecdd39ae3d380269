// Times as text, in the reader's time zone and language.

/** The part of google.protobuf.Timestamp that is read. */
export type Time = { readonly seconds: bigint; readonly nanos: number };

/** Milliseconds since 1970; undefined for a time that is not set. */
export function millisecondsOf(time: Time | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1_000 + time.nanos / 1_000_000;
}

/** `14:05:09`, with the date unless it is today. */
export function formatTime(time: Time | undefined, now: Date, language?: string, timeZone?: string): string {
  const milliseconds = millisecondsOf(time);
  if (milliseconds === undefined) return '–';
  const date = new Date(milliseconds);
  const day = (moment: Date) => moment.toLocaleDateString(language, { timeZone });
  const clock = date.toLocaleTimeString(language, { timeZone });
  return day(date) === day(now) ? clock : `${day(date)} ${clock}`;
}

/** `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function formatAge(time: Time | undefined, now: number): string {
  const milliseconds = millisecondsOf(time);
  if (milliseconds === undefined) return '–';
  const seconds = Math.max(0, Math.round((now - milliseconds) / 1_000));
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** `8 ms`, `1.2 s`, `3 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return '< 1 ms';
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** The time since something else: `+0 ms`, `+1.20 s`, `+2 min`. */
export function formatOffset(milliseconds: number): string {
  if (milliseconds < 1_000) return `+${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `+${(milliseconds / 1_000).toFixed(2)} s`;
  return `+${Math.round(milliseconds / 60_000)} min`;
}
