// The wrapper of the broker client: every publish, and every ack, nak and term.
import { JetStreamClientImpl } from 'nats/lib/jetstream/jsclient.js';
import { JsMsgImpl } from 'nats/lib/jetstream/jsmsg.js';
import { shortName } from './labels.ts';
import type { Trigger } from './trigger.ts';

type Publisher = { flush(): Promise<void> };

/** Wraps every JetStream client of this process. */
export function wrapBroker(trigger: Trigger): void {
  const { publish } = JetStreamClientImpl.prototype;
  JetStreamClientImpl.prototype.publish = async function (subject, ...rest) {
    const operation = trigger.operation('publish', shortName(subject));
    trigger.before(operation);
    const answer = await publish.call(this, subject, ...rest);
    trigger.after(operation, true);
    return answer;
  };
  for (const kind of ['ack', 'nak', 'term'] as const) {
    const respond = JsMsgImpl.prototype[kind] as (this: JsMsgImpl, ...args: unknown[]) => void;
    const wrapped = function (this: JsMsgImpl, ...args: unknown[]): void {
      const operation = trigger.operation(kind, shortName(this.subject));
      trigger.before(operation);
      respond.apply(this, args);
      // The ack is only in the client's buffer: "after" means after the server has received it.
      trigger.after(operation, true, () => publisherOf(this).flush());
    };
    Object.assign(JsMsgImpl.prototype, { [kind]: wrapped });
  }
}

function publisherOf(message: JsMsgImpl): Publisher {
  const { publisher } = message.msg as unknown as { publisher?: Partial<Publisher> };
  if (typeof publisher?.flush !== 'function') throw new Error('the broker client no longer has a publisher there');
  return publisher as Publisher;
}
