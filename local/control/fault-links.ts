// The faults of links. The first fault of a link starts the kit's fault proxy in front of the callee and restarts the caller with the
// proxy's address; until then calls go straight, so a stack without faults pays nothing. Healed, the proxy relays until the stack ends.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { LinkFault } from '#gen/local/control/v1/control_pb.ts';
import {
  DomainError,
  describeError,
  invalidArgument,
  notFound,
  unavailable,
} from '../../services/platform/base/errors.ts';
import { launchProgram, type ProcessRun } from '../process/process-run.ts';
import { createInTurn } from '../shared/in-turn.ts';
import type { ControlledStack } from './controlled-stack.ts';
import { replicasOf } from './frozen-processes.ts';

const KIT = fileURLToPath(new URL('../../packages/kit/command-line/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SLOW_MS = 1_500;
const START_LIMIT_MS = 15_000;
const STOP_GRACE_MS = 2_000;
const CALL_LIMIT_MS = 2_000;
const PROXY = 'upstream';

/** The links that can be broken: who calls whom, by which setting. */
const LINKS = [
  { from: 'order', to: 'inventory', setting: 'INVENTORY_URL' },
  { from: 'order', to: 'payment', setting: 'PAYMENT_URL' },
  { from: 'order', to: 'nats', setting: 'NATS_URL' },
  { from: 'payment', to: 'provider', setting: 'PAYMENT_PROVIDER_URL' },
  { from: 'notification', to: 'mailbox', setting: 'SMTP_URL' },
] as const;

type Link = (typeof LINKS)[number];

/** The fault, as JSON of touchstone.kit.v1.Fault. */
const FAULTS: Partial<Record<LinkFault, object>> = {
  [LinkFault.SLOW]: { latency: { delayMs: SLOW_MS } },
  [LinkFault.CUT]: { refuse: {} },
};

const listening = z.object({ listening: z.string(), control: z.string() });

type Proxy = {
  readonly run: ProcessRun;
  readonly url: string;
  readonly control: string;
  hasEnded(): boolean;
};
/** One proxy for each replica of the process that is called. */
type Proxies = readonly Proxy[];

export type FaultLinks = AsyncDisposable & {
  list(): { readonly from: string; readonly to: string; readonly fault: LinkFault }[];
  /** @throws {DomainError} `not_found` for a link that does not exist, `invalid_argument` for a fault that does not. */
  set(from: string, to: string, fault: LinkFault): Promise<void>;
  /** Heals every link, and replaces proxies that have died; returns the names of the links that it healed. */
  heal(): Promise<string[]>;
};

/** Creates the faults of a stack's links. */
export function createFaultLinks(stack: ControlledStack): FaultLinks {
  const proxies = new Map<Link, Proxies>();
  const faults = new Map<Link, LinkFault>();
  // The links of which a change failed: some of their proxies may have made it.
  const unsure = new Set<Link>();
  // One change at a time: two first faults of one link must not start two proxies.
  const inTurn = createInTurn();

  const putBetween = async (link: Link): Promise<Proxies> => {
    const upstream = stack.settingOf(link.from, link.setting);
    if (upstream === undefined) throw notFound('LINK_UNKNOWN', `${link.from} does not call ${link.to} in this stack`);
    await stopProxies(proxies.get(link) ?? []);
    const between = await startProxies(upstream.split(','));
    proxies.set(link, between);
    stack.configure(link.from, { [link.setting]: between.map(({ url }) => url).join(',') });
    // Each in turn, so that the others go on.
    for (const { name } of replicasOf(stack, link.from)) {
      await stack.stop(name);
      await stack.start(name).catch((error: unknown) => {
        throw unavailable({ reason: 'NOT_HEALTHY', message: describeError(error), cause: error });
      });
    }
    return between;
  };
  const hasDied = (link: Link): boolean => proxies.get(link)?.some((proxy) => proxy.hasEnded()) === true;
  const isDisturbed = (link: Link): boolean => faults.has(link) || unsure.has(link) || hasDied(link);
  const change = async (link: Link, fault: LinkFault): Promise<void> => {
    const isKnown = !unsure.has(link) && !hasDied(link);
    if (isKnown && (faults.get(link) ?? LinkFault.UNSPECIFIED) === fault) return;
    const whole = hasDied(link) ? undefined : proxies.get(link);
    const between = whole ?? (await putBetween(link));
    unsure.add(link);
    await callEach(between, 'Heal', { proxy: PROXY });
    const body = FAULTS[fault];
    if (body === undefined) {
      faults.delete(link);
    } else {
      // Listed from the first proxy on, so that it can be seen and healed when another one fails.
      faults.set(link, fault);
      await callEach(between, 'InjectFault', { proxy: PROXY, fault: body });
    }
    unsure.delete(link);
  };

  return {
    list: () =>
      LINKS.map((link) => ({ from: link.from, to: link.to, fault: faults.get(link) ?? LinkFault.UNSPECIFIED })),
    set: (from, to, fault) => {
      const link = LINKS.find((known) => known.from === from && known.to === to);
      if (link === undefined) throw notFound('LINK_UNKNOWN', `there is no link from ${from} to ${to}`);
      if (fault !== LinkFault.UNSPECIFIED && FAULTS[fault] === undefined) {
        throw invalidArgument([{ field: 'fault', description: 'must be a known fault' }]);
      }
      return inTurn(() => change(link, fault));
    },
    heal: () =>
      inTurn(async () => {
        const broken = LINKS.filter(isDisturbed);
        const errors: unknown[] = [];
        // One that cannot be healed leaves no other one broken.
        for (const link of broken) await change(link, LinkFault.UNSPECIFIED).catch((error) => errors.push(error));
        if (errors.length > 0) throw errors[0];
        return broken.map(({ from, to }) => `${from} to ${to}`);
      }),
    [Symbol.asyncDispose]: () => inTurn(() => stopProxies([...proxies.values()].flat())),
  };
}

/** Starts all or none. */
async function startProxies(upstreams: readonly string[]): Promise<Proxies> {
  const started = await Promise.allSettled(upstreams.map(startProxy));
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed === undefined) return running;
  await stopProxies(running);
  throw failed.reason;
}

async function stopProxies(running: Proxies): Promise<void> {
  await Promise.all(running.map(({ run }) => run.stop(STOP_GRACE_MS)));
}

/** Starts a proxy in front of `upstream`, an address of any scheme. Its password is not shown among the arguments of the process. */
async function startProxy(upstream: string): Promise<Proxy> {
  const { protocol, host } = new URL(upstream);
  const ready = Promise.withResolvers<z.infer<typeof listening>>();
  const lines: string[] = [];
  const run = launchProgram({
    file: KIT,
    arguments: ['--json', 'faults', '--upstream', `${protocol}//${host}`, '--name', PROXY, '--control', '0'],
    cwd: ROOT,
    environment: { NODE_OPTIONS: '--conditions=@touchstone/source' },
    log: (line) => {
      const parsed = listening.safeParse(parseJson(line));
      if (parsed.success) ready.resolve(parsed.data);
      else lines.push(line);
    },
  });
  const limit = setTimeout(() => ready.reject(failure('did not start in time')), START_LIMIT_MS);
  let hasEnded = false;
  void run.ended.then(() => {
    hasEnded = true;
    ready.reject(failure(`ended: ${lines.join(' ')}`));
  });
  try {
    const { listening: address, control } = await ready.promise;
    return { run, control, url: proxiedUrl(upstream, address), hasEnded: () => hasEnded };
  } catch (error) {
    await run.stop(STOP_GRACE_MS);
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

/** The address of the proxy, with all else that the upstream's has: user, password, parameters. */
export function proxiedUrl(upstream: string, proxy: string): string {
  const url = new URL(upstream);
  const { hostname, port } = new URL(proxy);
  url.hostname = hostname;
  url.port = port;
  return url.href.replace(/\/$/, '');
}

// Every proxy answers or fails before the first failure is thrown: a later change must not overtake this one.
async function callEach(between: Proxies, rpc: string, body: object): Promise<void> {
  const results = await Promise.allSettled(between.map((proxy) => callProxy(proxy, rpc, body)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function callProxy({ control }: Proxy, rpc: string, body: object): Promise<void> {
  const answer = await fetch(`${control}/touchstone.kit.v1.FaultProxyService/${rpc}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(CALL_LIMIT_MS),
  }).catch((cause: unknown) => {
    throw failure('cannot be reached', cause);
  });
  const text = await answer.text();
  if (!answer.ok) throw failure(`answered ${answer.status}: ${text}`);
}

function failure(what: string, cause?: unknown): DomainError {
  return new DomainError({
    kind: 'unavailable',
    reason: 'FAULT_PROXY_UNAVAILABLE',
    message: `the fault proxy ${what}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Not every line is JSON: those of Node's own warnings are not.
    return undefined;
  }
}
