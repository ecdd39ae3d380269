// The error of recording, replay and promotion.

/** A recording, a rule or an option is invalid. The message names the file, exchange, rule or option, and the problem. */
export class RecordingError extends Error {}
