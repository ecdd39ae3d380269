// `kit fuzz` against a service with eleven bugs, each of another kind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { makeDirectory } from '../../contract/kit/contract-files.ts';
import { recordVisit, startTicketOffice, ticketFiles } from '../../contract/kit/fixtures/ticket-office.ts';
import { runKit } from '../../support/kit-command.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('./fixtures/faulty-shop.ts'));

type FaultyShop = AsyncDisposable & { readonly url: string; readonly pid: number };

async function startFaultyShop(): Promise<FaultyShop> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    ...JSON.parse(line.toString()),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('kit fuzz', () => {
  it('finds eleven seeded bugs, prints how to see each again, and ends with 1', async () => {
    await using shop = await startFaultyShop();
    const bounds = [
      '--seed',
      '5',
      '--calls',
      '2500',
      '--seconds',
      '150',
      '--timeout',
      '400',
      '--pid',
      String(shop.pid),
    ];

    const { exitCode, stdout } = await runKit(['fuzz', shop.url, ...bounds, '--json']);

    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const findings = lines.flatMap(({ finding }) => finding ?? []);
    const found = findings.map(({ rpc, kind }) => `${rpc.replace('faulty.v1.ShopService/', '')}: ${kind}`);
    expect(found).toEqual(
      expect.arrayContaining([
        'AcceptEverything: unenforced rule',
        'AnswerText: unreadable answer',
        'CrashOnZero: crash',
        'CutEmoji: unreadable answer',
        'FailOnEmptyText: untyped error',
        'FailOnGet: untyped error',
        'FailOnHugeNumber: untyped error',
        'FailOnLongText: untyped error',
        'FailOnNegative: untyped error',
        'HangOnBlank: hang',
        'Leak: memory growth',
        'NeverEnd: endless stream',
      ]),
    );
    expect(findings.every(({ curl }) => curl.includes('curl --http'))).toBe(true);
    const byGet = findings.find(({ rpc }) => rpc.endsWith('FailOnGet'));
    expect(byGet?.curl).toContain('/FailOnGet?connect=v1&encoding=');
    expect(byGet).not.toHaveProperty('grpcurl');
    expect(lines.at(-1)).toMatchObject({ seed: 5, isGone: false, findings: findings.length });
    expect(exitCode).toBe(1);
  });

  it('finds the sequence of recorded calls that fails, and prints each of its calls', async () => {
    await using directory = await makeDirectory();
    const recording = join(directory.path, 'visit.jsonl');
    const descriptors = join(directory.path, 'tickets.binpb');
    const junit = join(directory.path, 'fuzz.xml');
    await recordVisit(recording);
    await writeFile(descriptors, toBinary(FileDescriptorSetSchema, ticketFiles));
    await using office = await startTicketOffice('refunds fail twice');
    const given = ['--descriptors', descriptors, '--recording', recording, '--protocol', 'grpc', '--junit', junit];

    const { exitCode, stdout } = await runKit(['fuzz', office.url, ...given, '--calls', '120', '--seed', '3']);

    expect(stdout).toContain('tickets.v1.TicketService/Refund, gRPC, HTTP/2, call 4 of a sequence\n');
    expect(stdout).toContain('call 4, tickets.v1.TicketService/Refund: reservation_id is id of the answer to call 1\n');
    expect(stdout.match(/grpcurl -plaintext -H 'x-branch: …' -d/g)).toHaveLength(4);
    expect(stdout.match(/\$ printf '%b' .* curl --http2-prior-knowledge/g)).toHaveLength(4);
    expect(await readFile(junit, 'utf8')).toContain('call 4 of a sequence');
    expect(exitCode).toBe(1);
  });
});
