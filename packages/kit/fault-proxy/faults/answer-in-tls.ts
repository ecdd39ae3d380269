// TLS where plaintext is spoken: a client that speaks plaintext meets a port that expects TLS.

import { type Fault, insertEverywhere } from '../core/fault.ts';
import { createPassingStage } from '../core/stage.ts';

// A record of type alert (21), version TLS 1.0, length 2: fatal (2), unexpected_message (10).
const alert = Buffer.of(21, 3, 1, 0, 2, 2, 10);

/** Answers the first bytes of a connection as a TLS server does that is spoken to in plaintext: an alert, and the end. */
export function answerInTls(): Fault {
  return {
    name: 'answer-in-tls',
    hits: 'connections',
    directions: ['up'],
    begin: (target) =>
      insertEverywhere(target, () =>
        createPassingStage(() => {
          target.hit();
          target.port.lanes.down.push({ kind: 'body', payload: alert, isLast: false });
          target.port.close();
        }),
      ),
  };
}
