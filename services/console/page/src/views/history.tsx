// What happened since the map was opened, latest first.
import { useEffect, useRef, useState } from 'react';
import type { Process } from '#gen/local/control/v1/control_pb.ts';
import { type Happening, happeningsBetween, type Look } from '../model/happenings.ts';
import { queuesOf, type WaitingEvents } from '../model/queues.ts';
import type { ServiceRates } from '../model/rates.ts';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/notice.tsx';

const MOST = 30;

export type Dated = Happening & { readonly id: number; readonly time: Date };

/** Collects what happens from one look to the next. */
export function useHappenings(
  processes: readonly Process[],
  rates: readonly ServiceRates[],
  queues: readonly WaitingEvents[] | undefined,
): readonly Dated[] {
  const earlier = useRef<Look>(undefined);
  const count = useRef(0);
  const [happenings, setHappenings] = useState<readonly Dated[]>([]);
  useEffect(() => {
    const breakers = rates.flatMap(({ name, edges }) =>
      edges.map(({ dependency, breaker }) => ({ from: name, to: dependency, state: breaker })),
    );
    // A service that is down has no metrics: its breakers are as they were.
    const known =
      earlier.current?.breakers.filter(({ from }) => !breakers.some((breaker) => breaker.from === from)) ?? [];
    const lengths = rates.map((known) => ({ process: known.name, ...queuesOf(known.name, known, queues) }));
    const look = { processes, breakers: [...breakers, ...known], queues: lengths };
    const found = earlier.current === undefined ? [] : happeningsBetween(earlier.current, look);
    earlier.current = look;
    if (found.length === 0) return;
    const dated = found.map((happening) => {
      count.current += 1;
      return { ...happening, id: count.current, time: new Date() };
    });
    setHappenings((before) => [...dated.reverse(), ...before].slice(0, MOST));
  }, [processes, rates, queues]);
  return happenings;
}

export function History({ happenings }: { readonly happenings: readonly Dated[] }) {
  return (
    <Card title="What happened">
      {happenings.length === 0 && <Empty>Nothing yet. Everything that changes is written here.</Empty>}
      <ol className="history" aria-live="polite">
        {happenings.map(({ id, text, tone, time }) => (
          <li key={id} className={tone}>
            <time dateTime={time.toISOString()}>{time.toLocaleTimeString()}</time>
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
