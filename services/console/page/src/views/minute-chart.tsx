// Bars by minute, with a time below every tenth.
import { axisTop, type Minute } from '../model/sales.ts';

const WIDTH = 960;
const HEIGHT = 200;
const LEFT = 36;
const BOTTOM = 24;
const TOP = 8;

export function MinuteChart({ minutes }: { readonly minutes: readonly Minute[] }) {
  const top = axisTop(Math.max(...minutes.map(({ orders }) => orders), 0));
  const step = (WIDTH - LEFT) / minutes.length;
  const y = (orders: number) => TOP + (1 - orders / top) * (HEIGHT - BOTTOM - TOP);
  const total = minutes.reduce((sum, { orders }) => sum + orders, 0);
  return (
    <svg
      className="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${total} orders were confirmed in the latest ${minutes.length} minutes`}
    >
      {[0, top / 2, top].map((value) => (
        <g key={value}>
          <line x1={LEFT} x2={WIDTH} y1={y(value)} y2={y(value)} className="grid" />
          <text x={LEFT - 8} y={y(value) + 4} textAnchor="end">
            {value}
          </text>
        </g>
      ))}
      {minutes.map(({ start, orders }, at) => (
        <g key={start}>
          <rect
            className="bar"
            x={LEFT + at * step + 1}
            y={y(orders)}
            width={step - 2}
            height={Math.max(0, y(0) - y(orders))}
            rx="2"
          >
            <title>{`${new Date(start).toLocaleTimeString()}: ${orders}`}</title>
          </rect>
          {at % 10 === 0 && (
            <text x={LEFT + at * step} y={HEIGHT - 6}>
              {new Date(start).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}
