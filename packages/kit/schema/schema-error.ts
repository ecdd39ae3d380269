// What is wrong with the source of a schema.

/** The source of a schema could not be used: names it, and says why. */
export class SchemaError extends Error {}
