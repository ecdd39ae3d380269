// The broker permissions of each service, derived from the topology: publish its own events, manage its own stream, and read the
// streams it consumes through the durable pull consumer named after it.
import { randomBytes } from 'node:crypto';
import type { DerivePassword } from '../shared/secrets.ts';
import { services } from '../shared/topology.ts';
import type { NatsUser } from './nats-server.ts';

/** The user without restrictions: for tests and tools, never for a service. */
export const ADMIN_USER = 'admin';

/** The prefix of the subjects on which a service receives replies; its client sets this as `inboxPrefix`. */
export function inboxPrefix(service: string): string {
  return `_INBOX_${service}`;
}

/** Returns the broker's users: one per service, and the admin. */
export function natsUsers(derivePassword: DerivePassword): NatsUser[] {
  const restricted = services.map(({ name, stream, consumes, replaysStreams = false }) => ({
    name,
    password: derivePassword(`nats:${name}`),
    permissions: {
      publish: [
        '$JS.API.INFO',
        ...(stream === undefined ? [] : producerSubjects(stream.name, stream.subject)),
        ...consumes.flatMap((consumed) => consumerSubjects(consumed, name)),
        // A durable consumer reads its stream from the start again only after it was deleted and created again.
        ...consumes.filter(() => replaysStreams).map((consumed) => `$JS.API.CONSUMER.DELETE.${consumed}.${name}`),
      ],
      subscribe: [`${inboxPrefix(name)}.>`],
    },
  }));
  return [...restricted, { name: ADMIN_USER, password: derivePassword(`nats:${ADMIN_USER}`) }];
}

/** Returns users with random passwords. */
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
    // The request to create a consumer, with a filter subject and without one.
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
  ];
}
