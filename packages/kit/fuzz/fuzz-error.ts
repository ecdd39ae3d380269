/** A service cannot be fuzzed: nothing listens, it speaks none of the protocols, or a process does not exist. */
export class FuzzError extends Error {}
