// The plot of a benchmark as SVG: orders per second and processor time of an order, over the callers of the closed loads. Pure.
import { type Load, type RunFigures, totalOf } from './orders/figures.ts';

const WIDTH = 860;
/** Without the legend. */
const HEIGHT = 312;
const PANEL_WIDTH = 350;
const PANEL_HEIGHT = 210;
const TOP = 50;
const LEFTS = [60, 480] as const;
const GRID_LINES = 4;
const LEGEND_LINE = 16;
/** The average width of a letter. */
const LETTER = 6.5;

/** One line of the plot, with the mean figures of each load. */
export type Series = {
  readonly name: string;
  readonly colour: string;
  readonly figures: readonly { readonly load: Load; readonly mean: RunFigures }[];
};

/** `x` is the number of callers. */
type Line = { readonly colour: string; readonly points: readonly { readonly x: number; readonly y: number }[] };

export function renderPlot(series: readonly Series[]): string {
  const lines = (pick: (figures: RunFigures) => number): Line[] =>
    series.map(({ colour, figures }) => ({
      colour,
      points: figures
        .flatMap(({ load, mean }) => (load.kind === 'closed' ? [{ x: load.callers, y: pick(mean) }] : []))
        .toSorted((one, other) => one.x - other.x),
    }));
  const legend = placeLegend(series);
  const height = HEIGHT + LEGEND_LINE * ((legend.at(-1)?.line ?? 0) + 1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    renderPanel(
      'orders per second',
      LEFTS[0],
      lines(({ ordersPerSecond }) => ordersPerSecond),
    ),
    renderPanel(
      'CPU ms per order',
      LEFTS[1],
      lines(({ perOrder }) => totalOf(perOrder.cpuMs)),
    ),
    ...legend.map(({ name, colour, x, line }) => renderText(x, HEIGHT + LEGEND_LINE * line, name, 'start', colour)),
    '</svg>\n',
  ].join('\n');
}

/** Places the names beside each other, in as many lines as they need. */
function placeLegend(series: readonly Series[]) {
  let [x, line] = [LEFTS[0] as number, 0];
  return series.map(({ name, colour }) => {
    const width = LETTER * (name.length + 3);
    if (x + width > WIDTH && x > LEFTS[0]) [x, line] = [LEFTS[0], line + 1];
    const place = { name, colour, x, line };
    x += width;
    return place;
  });
}

function renderPanel(title: string, left: number, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const callers = [...new Set(points.map(({ x }) => x))].toSorted((one, other) => one - other);
  const top = niceMaximum(Math.max(...points.map(({ y }) => y)));
  // Equal distances: the callers grow by factors.
  const xOf = (x: number): number => left + ((callers.indexOf(x) + 0.5) * PANEL_WIDTH) / callers.length;
  const yOf = (y: number): number => TOP + PANEL_HEIGHT * (1 - y / top);
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => (top * index) / GRID_LINES);
  return [
    renderText(left, TOP - 16, title, 'start', 'black'),
    ...grid.flatMap((value) => [
      `<path d="M${left} ${at(yOf(value))}h${PANEL_WIDTH}" stroke="#d0d7de"/>`,
      renderText(left - 6, yOf(value) + 4, String(Number(value.toPrecision(3))), 'end', '#57606a'),
    ]),
    ...callers.map((count) => renderText(xOf(count), TOP + PANEL_HEIGHT + 18, String(count), 'middle', '#57606a')),
    renderText(left + PANEL_WIDTH / 2, TOP + PANEL_HEIGHT + 34, 'callers', 'middle', '#57606a'),
    ...lines.map(({ colour, points: own }) => {
      const places = own.map(({ x, y }) => `${at(xOf(x))},${at(yOf(y))}`);
      const dots = own.map(({ x, y }) => `<circle cx="${at(xOf(x))}" cy="${at(yOf(y))}" r="3" fill="${colour}"/>`);
      return `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
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
