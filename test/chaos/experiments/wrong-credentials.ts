// Clients with wrong credentials, or with those of another service: each is refused and changes nothing.
import { connect } from 'nats';
import { Client } from 'pg';
import { inboxPrefix } from '#local/nats/nats-permissions.ts';
import { DOMAIN } from '#services/domain.ts';
import { TEST_PRODUCT } from '#services/inventory/catalogue.ts';
import { withTimeout } from '#services/platform/base/deadline.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { describeError } from '#services/platform/base/errors.ts';
import { SYNTHETIC_HEADER } from '#services/platform/base/synthetic.ts';
import { readBroker } from '../../support/invariants/sources.ts';
import { defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { drawKey } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const TIMEOUT_MS = 3_000;
const STATUS_TIMEOUT_MS = 500;
const STREAM = streamOf(DOMAIN, 'order');
const FORGED_SUBJECT = 'shop.order.v1.Forged';

/** One place where credentials are checked. Each attempt rejects when it is refused. */
type EntryPoint = {
  readonly what: string;
  /** Attempts with wrong credentials, by description. */
  readonly wrong: Readonly<Record<string, () => Promise<void>>>;
  /** The expected error. */
  readonly refusal: RegExp;
  /** The same attempt with the right credentials. */
  readonly right: () => Promise<void>;
};

export const wrongCredentials = defineExperiment<void>({
  name: 'wrong-credentials',
  title: 'Clients use wrong credentials',
  hypothesis:
    'Synthetic orders without the credential of the monitor, broker users with a wrong password or without the permission to publish, and ' +
    'database roles with a wrong password or at the database of another service are all refused, and leave no trace.',
  fault: 'Such clients try each of these.',
  blastRadius: 'None: customers see no effect.',
  abort: { when: 'The order service no longer answers', limitMs: 30_000, watch: isStillServing('order') },
  measuredBy: 'The same attempts with the right credentials, which must succeed: only the credentials are refused.',
  scenariosPerSecond: 2,
  platform: 'shared',
  inject: async (context) => ({
    measureEffect: async () => {
      const succeeded: string[] = [];
      for (const { what, right } of entryPointsOf(context, drawKey(context.random))) {
        await right();
        succeeded.push(what);
      }
      return { count: succeeded.length, seen: `with the right credentials these succeed: ${succeeded.join(', ')}` };
    },
    remove: async () => undefined,
  }),
  observe: async (context: ExperimentContext) => {
    const forged = drawKey(context.random);
    for (const { what, wrong, refusal } of entryPointsOf(context, forged)) {
      for (const [how, attempt] of Object.entries(wrong)) {
        const words = await refusalOf(attempt());
        context.check(`${what}, ${how}, is refused`, {
          holds: words !== undefined && refusal.test(words),
          seen: words ?? 'IT WAS ACCEPTED',
        });
      }
    }
    const found = (await listSubjects(context.subject)).filter((subject) => subject.includes(forged));
    context.check('No forged event is in any stream', { holds: found.length === 0, seen: `${found.length} found` });
  },
});

function entryPointsOf({ subject, random }: ExperimentContext, forged: string): EntryPoint[] {
  return [
    syntheticOrder(subject, () => drawKey(random)),
    brokerUser(subject),
    publishing(subject, forged),
    databaseRole(subject),
  ];
}

function syntheticOrder({ orders, stack }: Platform, drawOrderKey: () => string): EntryPoint {
  const order = async (headers: Record<string, string>): Promise<void> => {
    const items = [{ productId: TEST_PRODUCT, quantity: 1 }];
    const request = {
      idempotencyKey: drawOrderKey(),
      customerId: 'chaos',
      items,
      paymentMethod: 'pm_approved',
      synthetic: true,
    };
    await orders.createOrder(request, { headers, timeoutMs: TIMEOUT_MS });
  };
  return {
    what: 'a synthetic order',
    wrong: {
      'without a credential': () => order({}),
      'with a wrong credential': () => order({ [SYNTHETIC_HEADER]: 'not-the-credential-of-the-monitor' }),
    },
    refusal: /permission_denied/,
    right: () => order({ [SYNTHETIC_HEADER]: stack.syntheticCredential() }),
  };
}

function brokerUser({ stack }: Platform): EntryPoint {
  const login = async (user: string, pass: string): Promise<void> => {
    const { host } = new URL(stack.natsUrl('admin'));
    const connection = await connect({ servers: host, user, pass, reconnect: false, timeout: TIMEOUT_MS });
    await connection.close();
  };
  const { username, password } = new URL(stack.natsUrl('notification'));
  return {
    what: 'a login at the broker',
    wrong: {
      'with a wrong password': () => login(username, 'wrong'),
      'as an unknown user': () => login('unknown', decodeURIComponent(password)),
    },
    refusal: /authorization violation/i,
    right: () => login(username, decodeURIComponent(password)),
  };
}

function publishing({ stack }: Platform, forged: string): EntryPoint {
  const subject = `${FORGED_SUBJECT}-${forged}`;
  const publish = async (user: 'notification' | 'order'): Promise<void> => {
    const { host, username, password } = new URL(stack.natsUrl(user));
    const login = { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
    const connection = await connect({ servers: host, ...login, reconnect: false, inboxPrefix: inboxPrefix(user) });
    try {
      // The broker does not acknowledge a refused publication; it reports the refusal as a connection status.
      const status = connection.status()[Symbol.asyncIterator]().next();
      connection.publish(subject, 'forged');
      await connection.flush();
      const refusal = await withTimeout(status, STATUS_TIMEOUT_MS, () => undefined);
      if (refusal?.value !== undefined) throw new Error(`${refusal.value.type}: ${String(refusal.value.data)}`);
    } finally {
      await connection.close();
    }
  };
  return {
    what: 'an event of the order service',
    wrong: { 'published by the notification service': () => publish('notification') },
    refusal: /permissions[_ ]violation/i,
    right: async () => {
      await publish('order');
      // Not by a purge: nats-server 2.9 then also forgets what its consumers have not delivered yet.
      await readBroker(stack.natsUrl('admin'), async ({ manager }) => {
        const { seq } = await manager.streams.getMessage(STREAM, { last_by_subj: subject });
        await manager.streams.deleteMessage(STREAM, seq);
      });
    },
  };
}

function databaseRole({ stack }: Platform): EntryPoint {
  const login = async (service: 'order' | 'payment', path: string, password?: string): Promise<void> => {
    const url = new URL(stack.databaseUrl(service));
    url.pathname = path;
    if (password !== undefined) url.password = password;
    const client = new Client({ connectionString: url.toString(), connectionTimeoutMillis: TIMEOUT_MS });
    try {
      await client.connect();
    } finally {
      await client.end();
    }
  };
  return {
    what: 'a login at the database of payment',
    wrong: {
      'by the role of order': () => login('order', '/shop_payment'),
      'with a wrong password': () => login('payment', '/shop_payment', 'wrong'),
    },
    refusal: /permission denied for database|password authentication failed/,
    right: () => login('payment', '/shop_payment'),
  };
}

/** Lists the subjects of all events in the stream of the order service. */
function listSubjects({ stack }: Platform): Promise<string[]> {
  return readBroker(stack.natsUrl('admin'), async ({ manager }) => {
    const { state } = await manager.streams.info(STREAM, { subjects_filter: '>' });
    return Object.keys(state.subjects ?? {});
  });
}

/** Returns the error of a refused attempt; undefined when it succeeds. */
async function refusalOf(attempt: Promise<void>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}
