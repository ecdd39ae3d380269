// The judgement of mutants: which count, how a survivor is recognized after its line moved, and what fails the run.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GROUPS } from '../../mutation/groups.ts';
import { strykerPlugins } from '../../mutation/ignored-mutants.ts';
import { describeMutant, judgeGroup, type Survivor, type TestedMutant } from '../../mutation/judge.ts';
import { renderTable } from '../../mutation/render-table.ts';
import { SURVIVORS } from '../../mutation/survivors/index.ts';

const SOURCE = ['const limit = 5;', '', 'function f(a: number) {', '  if (a > limit) {', '    g();', '  }', '}'].join(
  '\n',
);
const FILE = 'services/order/order.ts';

function mutantAt(
  [line, column, endLine, endColumn]: [number, number, number, number],
  replacement: string,
  status = 'Survived',
): TestedMutant {
  const location = { start: { line, column }, end: { line: endLine, column: endColumn } };
  return { fileName: FILE, location, replacement, status };
}

const comparison = mutantAt([4, 7, 4, 16], 'true');
const killed = Array.from({ length: 17 }, () => mutantAt([1, 15, 1, 16], '6', 'Killed'));
const listed: Survivor = { file: FILE, reason: 'g() does nothing', mutants: ['if («a > limit») { => true'] };

const judge = (mutants: readonly TestedMutant[], survivors: readonly Survivor[], source = SOURCE) =>
  judgeGroup(mutants, survivors, () => source);

describe('a mutant', () => {
  it('is described by its line, with the mutated code marked', () => {
    expect(describeMutant(comparison, SOURCE)).toBe('if («a > limit») { => true');
  });

  it('of several lines is described by the first', () => {
    expect(describeMutant(mutantAt([4, 18, 6, 4], '{\n}'), SOURCE)).toBe('if (a > limit) «{ …» => { }');
  });
});

describe('a group', () => {
  it('passes when each survivor is listed and the tests notice 85 % of the mutants', () => {
    expect(judge([...killed, comparison], [listed])).toEqual({
      tested: 18,
      noticed: 17,
      survived: 1,
      score: (100 * 17) / 18,
      problems: [],
    });
  });

  it('recognizes a survivor whose line moved', () => {
    const moved = mutantAt([5, 7, 5, 16], 'true');

    expect(judge([...killed, moved], [listed], `\n${SOURCE}`).problems).toEqual([]);
  });

  it.each([
    ['counts a timeout as noticed', 'Timeout', { tested: 18, noticed: 18, survived: 0 }],
    ['counts a mutant that no test runs as a survivor', 'NoCoverage', { tested: 18, noticed: 17, survived: 1 }],
    ['does not count a mutant that is not made', 'Ignored', { tested: 17, noticed: 17, survived: 0 }],
    ['does not count a mutant that cannot run', 'RuntimeError', { tested: 17, noticed: 17, survived: 0 }],
  ])('%s', (_, status, counts) => {
    expect(judge([...killed, { ...comparison, status }], [listed])).toMatchObject(counts);
  });

  it('fails for a survivor that is not listed, with its place', () => {
    expect(judge([...killed, comparison], []).problems).toEqual([
      `survived and is not listed: line 4 of ${FILE}: if («a > limit») { => true`,
    ]);
  });

  it('fails for a listed mutant of its files that no longer survives, but not for one of other files', () => {
    const elsewhere = { ...listed, file: 'services/order/pricing.ts' };

    expect(judge(killed, [listed, elsewhere]).problems).toEqual([
      `is listed, but did not survive: ${FILE}: if («a > limit») { => true`,
    ]);
  });

  it('fails when the tests notice less than 85 % of the mutants', () => {
    const [, ...fewer] = Array.from({ length: 17 }, () => mutantAt([1, 15, 1, 16], '6', 'Killed'));
    const survivors = [comparison, mutantAt([4, 7, 4, 16], 'false'), mutantAt([5, 5, 5, 9], ';')];
    const all = { ...listed, mutants: survivors.map((mutant) => describeMutant(mutant, SOURCE)) };

    expect(judge([...fewer, killed[0]!, ...survivors], [all]).problems).toEqual([]);
    expect(judge([...fewer, ...survivors], [all]).problems).toEqual([
      'the tests notice 84.2 % of the mutants, not 85 %',
    ]);
  });
});

it('the table sums up the groups', () => {
  const row = { tested: 20, noticed: 19, survived: 1, score: 95, problems: [], seconds: 3.4 };

  expect(
    renderTable([
      { name: 'order', ...row },
      { name: 'saga', ...row },
    ]).split('\n'),
  ).toEqual([
    '  group   mutants   noticed   survived    score   seconds',
    '  order        20        19          1   95.0 %         3',
    '  saga         20        19          1   95.0 %         3',
    '  all          40        38          2   95.0 %         7',
  ]);
});

describe('the list of survivors', () => {
  it('has a reason for each, and names files of a group', () => {
    expect(SURVIVORS.filter(({ reason, mutants }) => reason === '' || mutants.length === 0)).toEqual([]);
    expect(SURVIVORS.map(({ file }) => file).filter((file) => !existsSync(file))).toEqual([]);
  });

  it('has each mutant once', () => {
    const all = SURVIVORS.flatMap(({ file, mutants }) => mutants.map((mutant) => `${file}: ${mutant}`));

    expect(all.filter((mutant, index) => all.indexOf(mutant) !== index)).toEqual([]);
  });
});

it('the groups have unique names', () => {
  const names = GROUPS.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
});

describe('a text for people', () => {
  const [ignorer] = strykerPlugins;
  const call = (callee: object) => ({ type: 'CallExpression', callee });
  const member = (object: object, name: string) => ({
    type: 'MemberExpression',
    object,
    property: { type: 'Identifier', name },
  });
  const identifier = (name: string) => ({ type: 'Identifier', name });
  const argument = (parent: object, key = 0) => ({
    node: { type: 'StringLiteral' },
    parent,
    listKey: 'arguments',
    key,
  });

  it.each([
    ['the words of a log line', argument(call(member(identifier('log'), 'warn')), 1), true],
    [
      'the words of a log line of the dependencies',
      argument(call(member(member(identifier('d'), 'log'), 'info'))),
      true,
    ],
    ['an argument of another method of the log', argument(call(member(identifier('log'), 'child'))), false],
    ['an argument of another object', argument(call(member(identifier('console'), 'info'))), false],
    ['the message of an internal error', argument({ type: 'NewExpression', callee: identifier('Error') }), true],
    ['the cause of an internal error', argument({ type: 'NewExpression', callee: identifier('Error') }, 1), false],
    [
      'the message of an error of the kit',
      argument({ type: 'NewExpression', callee: identifier('LiteralError') }),
      false,
    ],
    ['the reason of a refusal', argument(call(identifier('failedPrecondition')), 0), false],
    ['the message of a refusal', argument(call(identifier('failedPrecondition')), 1), true],
    [
      'the message among the options of an error',
      { node: { type: 'StringLiteral' }, parent: { type: 'ObjectProperty', key: identifier('message') }, key: 'value' },
      true,
    ],
    [
      'another option of an error',
      { node: { type: 'StringLiteral' }, parent: { type: 'ObjectProperty', key: identifier('reason') }, key: 'value' },
      false,
    ],
  ])('%s is ignored or not', (_, path, isIgnored) => {
    expect(ignorer?.value.shouldIgnore(path as never) !== undefined).toBe(isIgnored);
  });
});
