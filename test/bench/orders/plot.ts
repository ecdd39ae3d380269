// The plot of the benchmark as SVG: orders per second and processor time of an order, over the callers of the closed loads. Pure.
import type { Side } from './bench.ts';
import { totalOf } from './figures.ts';
import type { Summary } from './report.ts';

const WIDTH = 860;
const HEIGHT = 320;
const PANEL_WIDTH = 350;
const PANEL_HEIGHT = 210;
const TOP = 50;
const LEFTS = [60, 480] as const;
const GRID_LINES = 4;
const COLOURS: Readonly<Record<Side, string>> = { ours: '#1f6feb', baseline: '#8c959f' };

/** A point of a side; `x` is the number of callers. */
type Point = { readonly side: Side; readonly x: number; readonly y: number };

export function renderPlot(summaries: readonly Summary[]): string {
  const closed = summaries.flatMap(({ side, load, mean }) =>
    load.kind === 'closed' ? [{ side, x: load.callers, mean }] : [],
  );
  const throughput = closed.map(({ side, x, mean }) => ({ side, x, y: mean.ordersPerSecond }));
  const cpu = closed.map(({ side, x, mean }) => ({ side, x, y: totalOf(mean.perOrder.cpuMs) }));
  const sides = [...new Set(closed.map(({ side }) => side))];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    renderPanel('orders per second', LEFTS[0], throughput),
    renderPanel('CPU ms per order', LEFTS[1], cpu),
    ...sides.map((side, index) => renderText(LEFTS[0] + 80 * index, HEIGHT - 8, side, 'start', COLOURS[side])),
    '</svg>\n',
  ].join('\n');
}

function renderPanel(title: string, left: number, points: readonly Point[]): string {
  const callers = [...new Set(points.map(({ x }) => x))].toSorted((one, other) => one - other);
  const top = niceMaximum(Math.max(...points.map(({ y }) => y)));
  // Equal distances: the callers grow by factors.
  const xOf = (x: number): number => left + ((callers.indexOf(x) + 0.5) * PANEL_WIDTH) / callers.length;
  const yOf = (y: number): number => TOP + PANEL_HEIGHT * (1 - y / top);
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => (top * index) / GRID_LINES);
  const sides = [...new Set(points.map(({ side }) => side))];
  return [
    renderText(left, TOP - 16, title, 'start', 'black'),
    ...grid.flatMap((value) => [
      `<path d="M${left} ${at(yOf(value))}h${PANEL_WIDTH}" stroke="#d0d7de"/>`,
      renderText(left - 6, yOf(value) + 4, String(Number(value.toPrecision(3))), 'end', '#57606a'),
    ]),
    ...callers.map((count) => renderText(xOf(count), TOP + PANEL_HEIGHT + 18, String(count), 'middle', '#57606a')),
    renderText(left + PANEL_WIDTH / 2, TOP + PANEL_HEIGHT + 34, 'callers', 'middle', '#57606a'),
    ...sides.map((side) => {
      const own = points.filter((point) => point.side === side).toSorted((one, other) => one.x - other.x);
      const line = own.map(({ x, y }) => `${at(xOf(x))},${at(yOf(y))}`);
      const dots = own.map(
        ({ x, y }) => `<circle cx="${at(xOf(x))}" cy="${at(yOf(y))}" r="3" fill="${COLOURS[side]}"/>`,
      );
      return `<polyline points="${line.join(' ')}" fill="none" stroke="${COLOURS[side]}" stroke-width="2"/>${dots.join('')}`;
    }),
  ].join('\n');
}

/** The next number of the form 1, 2, 4, 5 or 8 times a power of ten. */
function niceMaximum(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

function renderText(x: number, y: number, text: string, anchor: string, colour: string): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="${colour}">${text}</text>`;
}

function at(value: number): string {
  return value.toFixed(1);
}
