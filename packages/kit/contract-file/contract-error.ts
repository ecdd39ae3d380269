// What a consumer's test fails with when the consumer does not do what the test declares.

/** The consumer does not keep to what its test declares: says of which interaction, and what differs. */
export class ContractError extends Error {}
