// The words that this repository does not use, each with the field's own word for it. docs/glossary.md explains the latter.

export type BannedWord = {
  /** Matches one line of text, identifiers split into lower-case words: `ownTime` is `own time`. */
  readonly pattern: RegExp;
  readonly use: string;
};

export const BANNED_WORDS: readonly BannedWord[] = [
  { pattern: /\bneighbours?\b/, use: 'dependency, upstream, downstream or peer' },
  { pattern: /\bown time\b/, use: 'service time' },
  { pattern: /\bundisturbed\b/, use: 'baseline latency, unloaded' },
  { pattern: /\bat work\b/, use: 'in flight' },
  { pattern: /\bcall guards?\b|\bguarded calls?\b/, use: 'call policy' },
  { pattern: /\bresting rows?\b/, use: 'publish backoff' },
  { pattern: /\bhind(rances?|ered|ers?)\b/, use: 'step failure, blocked' },
  { pattern: /\bpark(s|ed|ing)?\b/, use: 'blocked, waiting' },
  { pattern: /\brepeatable\b(?! read)|\bmay repeat\b/, use: 'idempotent, should retry' },
  { pattern: /\btellers?\b|\btell (reserved|released|insufficient|product)\b/, use: 'published, logged, reported' },
  { pattern: /\bsets? (it |them |stock |an event |events )?aside\b/, use: 'reserve, store as a dead letter' },
  { pattern: /\b(gives?|giving|given|gave) (\w+ )?back\b/, use: 'release, refund, compensate' },
  { pattern: /\bbarred\b/, use: 'tombstone' },
  { pattern: /\bannounce calls?\b/, use: 'extend the call window' },
  { pattern: /\brenew intents?\b/, use: 'start a new attempt' },
  { pattern: /\bgive up charge\b/, use: 'void the charge' },
  { pattern: /\bnote (paid|sent|reserved|released|refunded|decision)\b/, use: 'mark, record' },
  { pattern: /\bstand-ins?\b|\bstand ins?\b(?= server| provider|\()|\bstandins?\b/, use: 'mock provider' },
  { pattern: /\bforesee(s|n)?\b|\bforesaw\b/, use: 'match partially, expect' },
  { pattern: /\b(target|relay|call) port\b/, use: 'fault target, relay context, proxied call' },
  { pattern: /\bdesks?\b(?! lamp)/, use: 'client, admin, fixture' },
  { pattern: /\b(post|dead letter) offices?\b/, use: 'fixture' },
  { pattern: /\btills?\b/, use: 'fixture, until' },
  { pattern: /\berrands?\b/, use: 'scenario' },
  { pattern: /\bworkshops?\b/, use: 'sandbox' },
  { pattern: /\bmanieth\b/, use: 'every nth' },
  { pattern: /\bwhoever\b|\bwhomever\b/, use: 'the caller, another replica, a client that' },
  { pattern: /\bsomebody\b|\bnobody\b|\beverybody\b/, use: 'the caller, another replica, no client' },
  { pattern: /\bonrush\b/, use: 'overload' },
  { pattern: /\bnought\b/, use: 'zero' },
  { pattern: /\banew\b/, use: 'again' },
  { pattern: /\bspoilt\b/, use: 'corrupted' },
  { pattern: /\bmeanwhile\b/, use: 'in the meantime' },
  { pattern: /\bbesides\b/, use: 'also' },
  { pattern: /\bas it stands\b/, use: 'current' },
  { pattern: /\b(comes?|came) into being\b/, use: 'is created' },
];
