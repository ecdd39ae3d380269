// The ways a call to a dependency fails, by what the caller can do about it rather than by transport code.

export type CallFailure =
  /** No answer in time: the outcome is unknown. */
  | 'timeout'
  /** Not reached, or the connection broke: the outcome may be unknown. */
  | 'unreachable'
  /** The dependency reported that it failed. */
  | 'internal'
  /** An answer came that cannot be read: the outcome is unknown. */
  | 'unreadable'
  /** The dependency could not read the request: it was corrupted, or is of another version of the contract. */
  | 'not_understood'
  /** Not called: the circuit breaker is open. */
  | 'circuit_open'
  /** The dependency sheds load, or was not called because too many calls to it are in flight. */
  | 'overloaded'
  /** Not called: too little time was left. */
  | 'not_called'
  /** The dependency understood the request and refused it, for a reason. */
  | 'refused'
  /** Our own caller gave up. */
  | 'cancelled';
