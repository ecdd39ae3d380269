// The comparison of the working tree's contracts: by programs that a test plays, and by the real ones.
import { beforeEach, expect, it } from 'vitest';
import { ChangeVerdict } from '#gen/local/control/v1/control_pb.ts';
import { createContractCheck } from '#local/control/checks/contract-check.ts';
import { type Program, startProgram } from '#local/control/checks/program.ts';

type Played = Program & { end(code: number | null): void };
let programs: Played[];

beforeEach(() => {
  programs = [];
});

/** Plays a program: it ends when the test says so. */
function play(program: Program) {
  const ending = Promise.withResolvers<{ code: number | null; signal: null }>();
  programs.push({ ...program, end: (code) => ending.resolve({ code, signal: null }) });
  return { ended: ending.promise, stop: async () => undefined };
}

/** The program that was started last. */
const last = () => programs.at(-1)!;
const finding = { finding: { path: 'proto/a.proto', line: 1, rule: 'FIELD_NO_DELETE', message: 'gone' } };
const answer = (verdict: string, consumers: string[]) =>
  JSON.stringify({ isBreaking: true, findings: [{ ...finding, verdict, consumers, uses: [] }] });

it('joins what buf finds with the usage of consumers, once for concurrent calls', async () => {
  const check = createContractCheck(play);
  const both = Promise.all([check(), check()]);
  await expect.poll(() => programs.length).toBe(1);
  last().end(100);
  await expect.poll(() => programs.length).toBe(2);
  last().log('a warning of Node');
  last().log(answer('breaks', ['OrderService']));
  last().end(1);

  const [one, other] = await both;

  expect(other).toBe(one);
  expect(one.changes).toEqual([
    {
      ...{ message: 'gone', path: 'proto/a.proto', rule: 'FIELD_NO_DELETE' },
      ...{ verdict: ChangeVerdict.BREAKS, consumers: ['OrderService'] },
    },
  ]);
  expect(programs.map(({ limitMs }) => limitMs)).toEqual([60_000, 60_000]);
});

it.each([
  [1, 'proto/a.proto:1:1: syntax error'],
  [null, 'killed'],
])('says why buf could not compare, ended by %s', async (code, line) => {
  const check = createContractCheck(play)();
  check.catch(() => undefined);
  await expect.poll(() => programs.length).toBe(1);
  last().log(line);
  last().end(code);

  await expect(check).rejects.toMatchObject({ reason: 'NOT_CHECKED', message: expect.stringContaining(line) });
});

it('finds nothing that breaks a consumer in the contracts of this repository', async () => {
  const { changes } = await createContractCheck(startProgram)();

  expect(changes.filter(({ verdict }) => verdict !== ChangeVerdict.UNUSED)).toEqual([]);
}, 60_000);
