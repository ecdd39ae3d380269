// Rules that name the headers whose values are redacted.

import type { RecordedHeaders } from './exchange.ts';
import { RecordingError } from './recording-error.ts';

/** Headers that are always redacted, because they carry credentials. */
const CREDENTIAL_HEADERS = [
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
  'auth',
  '*-auth',
  '*-auth-*',
  '*jwt*',
  '*assertion*',
  '*saml*',
  '*oidc*',
  '*otp',
  '*access-key*',
  '*private-key*',
  '*client-cert*',
  '*clientcert*',
  '*client-principal*',
  'dpop',
];

/** A set of rules. */
export class HeaderRules {
  readonly #expression: RegExp;

  /** @throws {RecordingError} naming a rule that is not a header name, in which `*` matches any characters. */
  constructor(rules: readonly string[]) {
    const wrong = rules.find((rule) => !/^[\w.*-]+$/.test(rule));
    if (wrong !== undefined) throw new RecordingError(`redact.headers: "${wrong}" is not a header name`);
    const sources = [...CREDENTIAL_HEADERS, ...rules].map((rule) => rule.replaceAll('.', '\\.').replaceAll('*', '.*'));
    this.#expression = new RegExp(`^(${sources.join('|')})$`, 'i');
  }

  /** Returns the recorded form of headers, ordered by name. */
  record(headers: Headers): RecordedHeaders {
    const entries = [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([name, value]) => [name, this.#expression.test(name) ? { redacted: true as const } : value]),
    );
  }
}
