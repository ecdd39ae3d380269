// `kit fuzz` against a service with eleven bugs, each of another kind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
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
});
