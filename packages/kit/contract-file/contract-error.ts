// The error of a consumer's test.

/** The consumer does not behave as its test declares: names the interaction and the differences. */
export class ContractError extends Error {}
