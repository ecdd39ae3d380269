// What recording, replay and promotion refuse with.

/** A recording, a rule about one or a use of one that cannot be: names the file, the rule or the exchange, and why. */
export class RecordingError extends Error {}
