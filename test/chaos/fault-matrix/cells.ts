// The cells of the fault matrix: every fault of the kit's proxy, on every dependency of CreateOrder, on calls and on connections, in the
// directions that make a difference. Skipped cells are listed with the reason. Pure.
import type { Fault, InjectOptions } from '@touchstone/kit';
import { FAULTS, type FaultDirection, type FaultRow, type Protocol, type Scope } from './faults.ts';

/** The dependencies of an order: two services, the payment provider, the database of the order service, and the broker. */
export const DEPENDENCIES = ['inventory', 'payment', 'provider', 'database', 'nats'] as const;
export type DependencyName = (typeof DEPENDENCIES)[number];

const PROTOCOLS: Readonly<Record<DependencyName, Protocol>> = {
  inventory: 'http2',
  payment: 'http2',
  provider: 'http1',
  database: 'tcp',
  nats: 'tcp',
};

export type Cell = {
  /** `inventory/latency/call/down`. */
  readonly name: string;
  readonly dependency: DependencyName;
  /** The fault's name in the matrix. */
  readonly fault: string;
  readonly scope: Scope;
  readonly way: FaultDirection;
  /** Orders placed under the fault before the one that is judged. */
  readonly ordersBefore: number;
  readonly create: () => Fault;
  readonly options: InjectOptions;
};

/** A cell that is not possible, and why. */
export type SkippedCell = { readonly name: string; readonly reason: string };

export type Cells = { readonly cells: readonly Cell[]; readonly skipped: readonly SkippedCell[] };

/** Lists the cells whose names contain one of the texts in `only`, separated by commas; by default all. */
export function listCells(only = ''): Cells {
  const given = only.split(',').map((text) => text.trim());
  const texts = given.filter((text) => text !== '');
  const isWanted = ({ name }: { readonly name: string }): boolean =>
    texts.length === 0 || texts.some((text) => name.includes(text));
  const cells: Cell[] = [];
  const skipped: SkippedCell[] = [];
  for (const dependency of DEPENDENCIES) {
    for (const row of FAULTS) {
      for (const [scope, ways] of Object.entries(row.on) as [Scope, readonly FaultDirection[]][]) {
        const protocol = PROTOCOLS[dependency];
        // Without calls to distinguish, the fault is tried on connections only.
        if (protocol === 'tcp' && scope === 'call' && row.on.connection !== undefined) continue;
        const reason = findSkipReason(row, scope, protocol);
        if (reason === undefined) cells.push(...ways.map((way) => createCell(dependency, row, scope, way)));
        else skipped.push({ name: `${dependency}/${row.name}/${scope}`, reason });
      }
    }
  }
  return { cells: cells.filter(isWanted), skipped: skipped.filter(isWanted) };
}

function createCell(dependency: DependencyName, row: FaultRow, scope: Scope, way: FaultDirection): Cell {
  return {
    name: [dependency, row.name, scope, ...(way === 'own' ? [] : [way])].join('/'),
    dependency,
    fault: row.name,
    scope,
    way,
    ordersBefore: row.ordersBefore ?? 0,
    create: row.create,
    options: { ...(scope === 'call' ? { rpc: '*' } : {}), ...(way === 'own' ? {} : { direction: way }) },
  };
}

function findSkipReason(row: FaultRow, scope: Scope, protocol: Protocol): string | undefined {
  if (scope === 'call' && protocol === 'tcp') return 'a protocol other than HTTP has no calls to distinguish';
  return row.skipReason?.(scope, protocol);
}
