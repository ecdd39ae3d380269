// The search for leaked secrets in everything that the running platform prints, stores and publishes.

import { toJsonString } from '@bufbuild/protobuf';
import { GetStatusResponseSchema, ListDeadLettersResponseSchema, OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { serviceTopology } from '#local/shared/topology.ts';
import { DOMAIN } from '#services/domain.ts';
import { streamOf } from '#services/platform/base/domain.ts';
import { OWNERS } from './invariants/facts.ts';
import { sourcesOf } from './invariants/invariants.ts';
import { readBroker, readDatabase } from './invariants/sources.ts';
import type { TestStack } from './stack.ts';

/** The text found in one place. */
export type Sight = { readonly place: string; readonly text: string };

/** Names each secret found in one of these places: plain, percent-encoded, hexadecimal, or inside a base64 text. */
export function findLeaks(secrets: Readonly<Record<string, string>>, sights: readonly Sight[]): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const forms = formsOf(secret);
    return sights
      .filter(({ text }) => forms.some((form) => text.includes(form)))
      .map(({ place }) => `${name} in ${place}`);
  });
}

function formsOf(secret: string): string[] {
  // Base64 encodes a text in three ways, depending on its offset; the first and last characters depend on the adjacent bytes.
  const inBase64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
      .toString('base64')
      .slice(offset === 0 ? 0 : 4, -4),
  );
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex'), ...inBase64];
}

/** Reads everything a quiescent platform holds: logs, metrics, status, dead letters, events, mails, and every row of every table. */
export async function lookEverywhere(platform: TestStack): Promise<Sight[]> {
  const { stack } = platform;
  const { databaseUrls, natsUrl } = sourcesOf(stack);
  const sights: Sight[] = [{ place: 'the logs', text: (await platform.readOutput()).join('\n') }];
  const see = (place: string, text: string): void => void sights.push({ place, text });
  for (const service of stack.services) {
    const ops = platform.client(service, OpsService);
    see(`/metrics of ${service}`, await (await fetch(`${stack.url(service)}/metrics`)).text());
    see(`GetStatus of ${service}`, toJsonString(GetStatusResponseSchema, await ops.getStatus({})));
    see(`dead letters of ${service}`, toJsonString(ListDeadLettersResponseSchema, await ops.listDeadLetters({})));
  }
  for (const service of OWNERS) {
    see(`the database of ${service}`, await readTables(service, databaseUrls[service]));
    if (serviceTopology(service).stream !== undefined) {
      see(`the events of ${service}`, await readStream(natsUrl, streamOf(DOMAIN, service)));
    }
  }
  see('the mails', await (await fetch(`${stack.url('mailbox')}/messages`)).text());
  return sights;
}

function readTables(service: string, url: string): Promise<string> {
  return readDatabase(service, url, async (query) => {
    const tables = await query<{ name: string }>(
      `select quote_ident(tablename) as name from pg_tables where schemaname = 'public'`,
    );
    const seen: string[] = [];
    for (const { name } of tables) {
      const rows = await query<{ row: string }>(`select t::text as row from ${name} t`);
      seen.push(`${name}\n${rows.map(({ row }) => row).join('\n')}`);
    }
    return seen.join('\n');
  });
}

function readStream(natsUrl: string, stream: string): Promise<string> {
  return readBroker(natsUrl, async ({ manager }) => {
    const { state } = await manager.streams.info(stream);
    const seen: string[] = [];
    for (let sequence = state.first_seq; sequence <= state.last_seq; sequence += 1) {
      const { subject, header, data } = await manager.streams.getMessage(stream, { seq: sequence });
      const headers = [...header.keys()].map((name) => `${name}: ${header.values(name).join()}`);
      seen.push(subject, ...headers, Buffer.from(data).toString('latin1'));
    }
    return seen.join('\n');
  });
}
