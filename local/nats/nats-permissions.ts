// What each service may do on the broker, derived from the topology: publish its own events, keep its own stream, and read
// the streams it consumes through the one durable pull consumer that is named after it.
import { randomBytes } from 'node:crypto';
import type { DerivePassword } from '../shared/secrets.ts';
import { services } from '../shared/topology.ts';
import type { NatsUser } from './nats-server.ts';

/** The user that may do and see everything: for tests and tools, never for a service. */
export const ADMIN_USER = 'admin';

/** Below which a service's replies arrive; its client sets this as `inboxPrefix`. */
export function inboxPrefix(service: string): string {
  return `_INBOX_${service}`;
}

/** Returns the broker's users: one per service, and the administrator. */
export function natsUsers(derivePassword: DerivePassword): NatsUser[] {
  const restricted = services.map(({ name, stream, consumes, replaysStreams = false }) => ({
    name,
    password: derivePassword(`nats:${name}`),
    permissions: {
      publish: [
        '$JS.API.INFO',
        ...(stream === undefined ? [] : producerSubjects(stream.name, stream.subject)),
        ...consumes.flatMap((consumed) => consumerSubjects(consumed, name)),
        // A consumer starts again from the beginning only when it is made anew.
        ...consumes.filter(() => replaysStreams).map((consumed) => `$JS.API.CONSUMER.DELETE.${consumed}.${name}`),
      ],
      subscribe: [`${inboxPrefix(name)}.>`],
    },
  }));
  return [...restricted, { name: ADMIN_USER, password: derivePassword(`nats:${ADMIN_USER}`) }];
}

/** Returns users whose passwords nobody can know beforehand. */
export function randomNatsUsers(): NatsUser[] {
  return natsUsers(() => randomBytes(24).toString('base64url'));
}

function producerSubjects(stream: string, subject: string): string[] {
  return [subject, ...['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)];
}

function consumerSubjects(stream: string, consumer: string): string[] {
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
    // Two spellings of one request: with a filter subject and without one.
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
  ];
}
