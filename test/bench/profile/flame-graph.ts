// A flame graph as SVG: a box for each function, as wide as its time, below the boxes that it called. Pure.
import type { TreeNode } from './call-tree.ts';

const WIDTH = 1_400;
const ROW = 18;
const MARGIN = 10;
const HEADER = 34;
const CHARACTER = 6.6;
/** Narrower boxes are left out, with what is above them. */
const NARROWEST = 1;
const COLOURS: Readonly<Record<TreeNode['origin'], string>> = {
  project: '#7ee787',
  package: '#ffd8a8',
  runtime: '#d0d7de',
};

/** Renders the tree with its root at the bottom. The full name and the time of a box are its tooltip. */
export function renderFlameGraph(tree: TreeNode, title: string): string {
  const scale = (WIDTH - 2 * MARGIN) / Math.max(tree.totalMs, Number.MIN_VALUE);
  const height = HEADER + ROW * depthOf(tree, scale) + MARGIN;
  const boxes: string[] = [];
  const draw = (node: TreeNode, left: number, level: number): void => {
    const width = node.totalMs * scale;
    if (width < NARROWEST) return;
    boxes.push(renderBox(node, left, height - MARGIN - ROW * (level + 1), width, tree.totalMs));
    let childLeft = left;
    for (const child of node.children) {
      draw(child, childLeft, level + 1);
      childLeft += child.totalMs * scale;
    }
  };
  draw(tree, MARGIN, 0);
  const legend = Object.entries(COLOURS).map(
    ([origin, colour], index) =>
      `<rect x="${WIDTH - 330 + 110 * index}" y="8" width="12" height="12" fill="${colour}"/>` +
      `<text x="${WIDTH - 314 + 110 * index}" y="18">${origin}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="${MARGIN}" y="18" font-size="13">${escapeXml(title)}</text>`,
    ...legend,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

function depthOf(node: TreeNode, scale: number): number {
  if (node.totalMs * scale < NARROWEST) return 0;
  return 1 + Math.max(0, ...node.children.map((child) => depthOf(child, scale)));
}

function renderBox({ name, origin, totalMs }: TreeNode, x: number, y: number, width: number, wholeMs: number): string {
  const share = ((100 * totalMs) / wholeMs).toFixed(1);
  const text = shorten(name, Math.floor((width - 6) / CHARACTER));
  return (
    `<g><title>${escapeXml(name)}: ${totalMs.toFixed(1)} ms, ${share} %</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[origin]}" stroke="white" stroke-width="0.5"/>` +
    (text === '' ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escapeXml(text)}</text>`) +
    '</g>'
  );
}

/** As much of the name as there is room for; none of it where that would say nothing. */
function shorten(name: string, room: number): string {
  if (room < 3) return '';
  return name.length <= room ? name : `${name.slice(0, room - 1)}…`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
