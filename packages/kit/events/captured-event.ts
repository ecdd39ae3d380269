// An event as it is on the wire, whatever broker brought it.

/** A message as a broker delivers it. */
export type CapturedEvent = {
  readonly subject: string;
  /** By name; names are case-insensitive. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came: protobuf binary. */
  readonly payload: Uint8Array;
};

/** Returns a header by its lower-case name. */
export function headerOf({ headers }: CapturedEvent, lowerName: string): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === lowerName)?.[1];
}
