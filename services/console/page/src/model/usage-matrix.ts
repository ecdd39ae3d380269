// Who uses what of whom, from the usage files that the contract tests write.

/** The part of a usage file that is read. */
export type UsageFile = {
  readonly consumer: string;
  readonly provider: string;
  readonly types: Readonly<
    Record<string, { readonly file: string; readonly numbers: Readonly<Record<string, number>> }>
  >;
  readonly tests: readonly unknown[];
};

export type Usage = {
  readonly consumer: string;
  readonly provider: string;
  readonly rpcs: readonly string[];
  readonly events: readonly string[];
  readonly fields: number;
  readonly tests: number;
};

/** What each consumer uses of each provider: RPCs by their requests, events by their messages. */
export function listUsage(files: readonly UsageFile[]): Usage[] {
  return files.map(({ consumer, provider, types, tests }) => {
    const namesIn = (suffix: string) =>
      Object.entries(types)
        .filter(([, { file }]) => file.endsWith(suffix))
        .map(([name]) => name.split('.').at(-1) ?? name);
    return {
      consumer: shortName(consumer),
      provider: shortName(provider),
      rpcs: namesIn('_service.proto')
        .filter((name) => name.endsWith('Request'))
        .map((name) => name.replace(/Request$/, '')),
      events: namesIn('_events.proto'),
      fields: Object.values(types).reduce((sum, { numbers }) => sum + Object.keys(numbers).length, 0),
      tests: tests.length,
    };
  });
}

/** The distinct values of a column, sorted. */
export function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `OrderService` is order. */
export function shortName(service: string): string {
  return service.replace(/Service$/, '').toLowerCase();
}
