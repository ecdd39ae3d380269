// The call tree of a profile, and its picture.
import { expect, it } from 'vitest';
import { listHottest, type TreeNode, toCallTree } from '../../bench/profile/call-tree.ts';
import { renderFlameGraph } from '../../bench/profile/flame-graph.ts';
import type { CpuProfile, ProfileNode } from '../../bench/profile/inspector.ts';
import { readProfileSettings } from '../../bench/profile/settings.ts';

const node = (id: number, functionName: string, url: string, children: number[] = []): ProfileNode => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
  children,
});

/** `root` calls `serve` at two places, which calls `query` of a package; the rest is idle. Each sample is 1 ms. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 4]),
    node(2, 'serve', 'file:///shop/serve.ts', [5]),
    node(3, 'serve', 'file:///shop/serve.ts', [6]),
    node(4, '(idle)', ''),
    node(5, 'query', 'file:///shop/node_modules/pg/client.js'),
    node(6, 'query', 'file:///shop/node_modules/pg/client.js'),
  ],
  samples: [2, 5, 5, 3, 6, 4, 4, 4],
  timeDeltas: [1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
  startTime: 0,
  endTime: 8_000,
};

it('sums a function over its places, and leaves idle time out', () => {
  expect(toCallTree(PROFILE)).toEqual({
    name: '(root)',
    origin: 'runtime',
    selfMs: 0,
    totalMs: 5,
    children: [
      {
        name: 'serve serve.ts:10',
        origin: 'project',
        selfMs: 2,
        totalMs: 5,
        children: [{ name: 'query client.js:10', origin: 'package', selfMs: 3, totalMs: 3, children: [] }],
      },
    ],
  });
});

it('lists functions by the time spent in them', () => {
  expect(listHottest(toCallTree(PROFILE), 2).map(({ name, selfMs }) => [name, selfMs])).toEqual([
    ['query client.js:10', 3],
    ['serve serve.ts:10', 2],
  ]);
});

it('draws each box as wide as its share, with its time as a tooltip', () => {
  const svg = renderFlameGraph(toCallTree(PROFILE), 'order: 5 ms');
  expect(svg).toContain('<title>query client.js:10: 3.0 ms, 60.0 %</title>');
  const widths = [...svg.matchAll(/<g>.*? width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths).toEqual([1_380, 1_380, 828]);
});

it('shows names as text, whatever they contain', () => {
  const tree: TreeNode = { name: '<script>&"', origin: 'project', selfMs: 1, totalMs: 1, children: [] };
  const svg = renderFlameGraph(tree, '<b>');
  expect(svg).not.toMatch(/<script>|<b>/);
  expect(svg).toContain('&lt;script&gt;&amp;&quot;');
});

it.each([
  [[], 'SERVICE: nothing is none of order, inventory'],
  [['--service', 'nats'], 'SERVICE: nats is none of order, inventory'],
  [['--service', 'order', '--seconds', '0'], '--seconds: 0 is not an integer from 1 to 600'],
  [['--service', 'order', '--deep'], "Unknown option '--deep'"],
])('refuses %j in one line', (given, message) => {
  expect(() => readProfileSettings(given)).toThrow(message);
});
