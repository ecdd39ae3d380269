// The broker's accounts and users, derived from the event flows. The streams are in one account; each service has an account of its own,
// which imports only what the service may ask of the streams. An answer goes back to the account of the question: whatever reply subject
// a service chooses, it reaches nothing that the service could not publish to itself.
import { randomBytes } from 'node:crypto';
import { DOMAIN, EVENT_FLOWS } from '../../services/domain.ts';
import { streamOf, subjectsOf } from '../../services/platform/base/domain.ts';
import type { EventFlow } from '../../services/platform/messaging/streams.ts';
import type { DerivePassword } from '../shared/secrets.ts';
import { API_PREFIX, type NatsImport, type NatsUser } from './nats-server.ts';

/** The user without restrictions, in the account of the streams: for tests and tools, never for a service. */
export const ADMIN_USER = 'admin';

/** The user that creates and changes streams and consumers. */
export const PROVISIONER_USER = 'provisioner';

/** The prefix of the subjects on which a service receives replies; its client sets this as `inboxPrefix`. */
export function inboxPrefix(service: string): string {
  return `_INBOX_${service}`;
}

/** Returns the broker's users: one per service, the provisioner and the admin. */
export function natsUsers(derivePassword: DerivePassword): NatsUser[] {
  const password = (name: string) => derivePassword(`nats:${name}`);
  return [
    ...EVENT_FLOWS.map((flow) => serviceUser(flow, password(flow.service))),
    { name: PROVISIONER_USER, password: password(PROVISIONER_USER), permissions: provisionerPermissions() },
    { name: ADMIN_USER, password: password(ADMIN_USER) },
  ];
}

/** Returns users with random passwords. */
export function randomNatsUsers(): NatsUser[] {
  return natsUsers(() => randomBytes(24).toString('base64url'));
}

function serviceUser(flow: EventFlow, password: string): NatsUser {
  const imports = [...producerImports(flow), ...flow.consumes.flatMap((producer) => consumerImports(flow, producer))];
  return {
    name: flow.service,
    password,
    imports,
    permissions: {
      publish: imports.map(({ subject, as = subject }) => as),
      subscribe: [`${inboxPrefix(flow.service)}.>`],
    },
  };
}

function producerImports({ service, publishes }: EventFlow): NatsImport[] {
  if (!publishes) return [];
  return [{ subject: subjectsOf(DOMAIN, service) }, api(`STREAM.INFO.${streamOf(DOMAIN, service)}`)];
}

function consumerImports({ service, rereads }: EventFlow, producer: string): NatsImport[] {
  const stream = streamOf(DOMAIN, producer);
  return [
    api(`CONSUMER.INFO.${stream}.${service}`),
    // A pull request has many answers.
    { ...api(`CONSUMER.MSG.NEXT.${stream}.${service}`), answers: 'many' },
    { subject: `$JS.ACK.${stream}.${service}.>` },
    ...(rereads === true ? [api(`STREAM.INFO.${stream}`), api(`STREAM.MSG.GET.${stream}`)] : []),
  ];
}

/** A request of the JetStream API. It needs another name in the service's account, where the server itself answers to `$JS.API`. */
function api(request: string): NatsImport {
  return { subject: `$JS.API.${request}`, as: `${API_PREFIX}.${request}` };
}

function provisionerPermissions(): NonNullable<NatsUser['permissions']> {
  const streams = EVENT_FLOWS.filter(({ publishes }) => publishes).map(({ service }) => streamOf(DOMAIN, service));
  const consumers = EVENT_FLOWS.flatMap(({ service, consumes }) =>
    consumes.map((producer) => [streamOf(DOMAIN, producer), service, subjectsOf(DOMAIN, producer)] as const),
  );
  return {
    publish: [
      ...streams.flatMap((stream) => ['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`)),
      ...consumers.flatMap(([stream, consumer, filter]) => [
        `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
        `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${filter}`,
      ]),
    ],
    subscribe: [`${inboxPrefix(PROVISIONER_USER)}.>`],
  };
}
