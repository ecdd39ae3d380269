// Which headers are kept in a recording, and which of them without their value.

import type { RecordedHeaders } from './exchange.ts';
import { RecordingError } from './recording-error.ts';

/** Redacted whatever the caller says: these carry what lets somebody in. */
const secretHeaders = [
  'authorization',
  '*-authorization',
  'cookie',
  'set-cookie',
  '*token*',
  '*secret*',
  '*password*',
  '*api-key*',
  '*apikey*',
  '*session*',
  '*credential*',
  '*signature*',
];

/** Tells which headers are redacted. */
export class HeaderRules {
  readonly #expression: RegExp;

  /** @throws RecordingError naming a rule that is no name of a header, in which `*` may stand for any characters. */
  constructor(rules: readonly string[]) {
    const wrong = rules.find((rule) => !/^[\w.*-]+$/.test(rule));
    if (wrong !== undefined) throw new RecordingError(`redact.headers: "${wrong}" is no name of a header`);
    const sources = [...secretHeaders, ...rules].map((rule) => rule.replaceAll('.', '\\.').replaceAll('*', '.*'));
    this.#expression = new RegExp(`^(${sources.join('|')})$`, 'i');
  }

  /** Returns headers as a recording keeps them, in the order of their names. */
  record(headers: Headers): RecordedHeaders {
    const entries = [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([name, value]) => [name, this.#expression.test(name) ? { redacted: true as const } : value]),
    );
  }
}
