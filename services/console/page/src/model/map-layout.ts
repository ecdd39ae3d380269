// Where the map draws what: boxes on a grid, and the lines between them. Sizes are in units of the drawing.

export const MAP_WIDTH = 1000;
export const MAP_HEIGHT = 452;
export const BOX_WIDTH = 170;
export const BOX_HEIGHT = 70;

export type Box = {
  readonly name: string;
  readonly label: string;
  readonly kind: 'service' | 'infrastructure';
  readonly x: number;
  readonly y: number;
};

export type Line = {
  readonly from: string;
  readonly to: string;
  readonly kind: 'calls' | 'events' | 'mail';
  /** The name of the dependency in the caller's metrics, where it is not `to`. */
  readonly dependency?: string;
};

const COLUMNS = [6, 272, 548, 824];
const ROWS = [8, 130, 252, 374];

const place = (name: string, label: string, kind: Box['kind'], column: number, row: number): Box => ({
  name,
  label,
  kind,
  x: COLUMNS[column] ?? 0,
  y: ROWS[row] ?? 0,
});

export const BOXES: readonly Box[] = [
  place('monitor', 'Monitor', 'service', 0, 0),
  place('console', 'Console', 'service', 0, 1),
  place('order', 'Order', 'service', 1, 1),
  place('inventory', 'Inventory', 'service', 2, 0),
  place('payment', 'Payment', 'service', 2, 1),
  place('provider', 'Provider', 'infrastructure', 3, 1),
  place('nats', 'NATS JetStream', 'infrastructure', 1, 2),
  place('notification', 'Notification', 'service', 2, 2),
  place('mailbox', 'Mailbox', 'infrastructure', 3, 2),
  place('analytics', 'Analytics', 'service', 1, 3),
  place('postgres', 'Postgres', 'infrastructure', 2, 3),
];

export const LINES: readonly Line[] = [
  { from: 'monitor', to: 'order', kind: 'calls' },
  { from: 'console', to: 'order', kind: 'calls' },
  { from: 'order', to: 'inventory', kind: 'calls' },
  { from: 'order', to: 'payment', kind: 'calls' },
  { from: 'payment', to: 'provider', kind: 'calls', dependency: 'payment-provider' },
  { from: 'order', to: 'nats', kind: 'events' },
  { from: 'nats', to: 'notification', kind: 'events' },
  { from: 'nats', to: 'analytics', kind: 'events' },
  { from: 'notification', to: 'mailbox', kind: 'mail' },
];

/** The ends of a line at the edges of its boxes. */
export function endsOf({ from, to }: Line): { x1: number; y1: number; x2: number; y2: number } | undefined {
  const [start, end] = [from, to].map((name) => BOXES.find((box) => box.name === name));
  if (start === undefined || end === undefined) return undefined;
  const [a, b] = [centreOf(start), centreOf(end)];
  const [first, last] = [edgeTowards(a, b), edgeTowards(b, a)];
  return { x1: first.x, y1: first.y, x2: last.x, y2: last.y };
}

type Point = { readonly x: number; readonly y: number };

function centreOf({ x, y }: Box): Point {
  return { x: x + BOX_WIDTH / 2, y: y + BOX_HEIGHT / 2 };
}

/** Where the line from the centre of a box to another point leaves the box, with a little space. */
function edgeTowards(centre: Point, other: Point): Point {
  const [dx, dy] = [other.x - centre.x, other.y - centre.y];
  if (dx === 0 && dy === 0) return centre;
  const scale = Math.min((BOX_WIDTH / 2 + 6) / Math.abs(dx || 1e-9), (BOX_HEIGHT / 2 + 6) / Math.abs(dy || 1e-9));
  return { x: centre.x + dx * scale, y: centre.y + dy * scale };
}

type Ends = { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number };

/** Where the label of a line stands, so that it crosses no line: above a level one, beside any other. */
export function labelPlace({ x1, y1, x2, y2 }: Ends): Point & { readonly anchor: 'start' | 'middle' | 'end' } {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  if (Math.abs(y2 - y1) < 1) return { x, y: y - 8, anchor: 'middle' };
  if (y2 < y1 && x2 > x1) return { x: x - 10, y, anchor: 'end' };
  return { x: x + 10, y: y + (x1 === x2 ? 4 : 0), anchor: 'start' };
}
