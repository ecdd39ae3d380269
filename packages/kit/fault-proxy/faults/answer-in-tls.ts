// answer-in-tls: the client speaks plaintext and gets a TLS alert, as from a port that expects TLS. The connection then closes.

import { createStatelessStage } from '../core/chunk.ts';
import { type Fault, insertStages } from '../core/fault.ts';

// A record of type alert (21), version TLS 1.0, length 2: fatal (2), unexpected_message (10).
const TLS_ALERT = Buffer.of(21, 3, 1, 0, 2, 2, 10);

/** Answers the first bytes of a connection with a TLS alert and closes it. */
export function answerInTls(): Fault {
  return {
    name: 'answer-in-tls',
    hits: 'connections',
    directions: ['up'],
    apply: (context) =>
      insertStages(context, () =>
        createStatelessStage(() => {
          context.countHit();
          context.target.pipes.down.push({ kind: 'body', payload: TLS_ALERT, isLast: false });
          context.target.close();
        }),
      ),
  };
}
