// The dead letters of every service that consumes events, decoded; each can be replayed or discarded.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import type { DeadLetter } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { decodeEvent } from '../model/events.ts';
import { formatTime } from '../model/times.ts';
import { Card } from '../parts/card.tsx';
import { ConfirmButton } from '../parts/confirm-button.tsx';
import { Empty, Failure } from '../parts/notice.tsx';
import { transportTo } from '../transports.ts';

const CONSUMERS = ['order', 'inventory', 'notification', 'analytics'];
const SHOWN = 20;

export function DeadLetters() {
  return (
    <Card title="Dead letters">
      <p className="muted">Events that a service could not apply. Replay one after its cause is fixed.</p>
      {CONSUMERS.map((name) => (
        <LettersOf key={name} service={name} />
      ))}
    </Card>
  );
}

function LettersOf({ service }: { readonly service: string }) {
  const options = { transport: transportTo(service), refetchInterval: 2_000 };
  const listed = useQuery(OpsService.method.listDeadLetters, { pageSize: SHOWN }, options);
  const letters = listed.data?.deadLetters ?? [];
  return (
    <section aria-label={`Dead letters of ${service}`} className="letters">
      <h3>{service}</h3>
      {listed.error && <Failure error={listed.error} onRetry={() => void listed.refetch()} />}
      {listed.data && letters.length === 0 && <Empty>None.</Empty>}
      <ul>
        {letters.map((letter) => (
          <Letter key={letter.deadLetterId} letter={letter} service={service} onChanged={() => void listed.refetch()} />
        ))}
      </ul>
      {listed.data?.nextPageToken && <p className="muted">More follow once these are handled.</p>}
    </section>
  );
}

type LetterProps = { readonly letter: DeadLetter; readonly service: string; readonly onChanged: () => void };

function Letter({ letter, service, onChanged }: LetterProps) {
  const options = { transport: transportTo(service), onSuccess: onChanged };
  const replay = useMutation(OpsService.method.replayDeadLetter, options);
  const discard = useMutation(OpsService.method.discardDeadLetter, options);
  const { deadLetterId, subject, error, attempts, createTime, payload, eventId } = letter;
  const { text, readable } = decodeEvent(subject, payload);
  return (
    <li className="letter">
      <div className="letter-head">
        <strong>{subject.split('.').at(-1)}</strong>
        <span className="muted">
          {formatTime(createTime, new Date())} · {attempts} attempt{attempts === 1 ? '' : 's'}
        </span>
        <span className="actions">
          <ConfirmButton
            label="Replay"
            question="Replay this event?"
            consequence={`${service} applies it again, once.`}
            action={() => replay.mutateAsync({ deadLetterId })}
          />
          <ConfirmButton
            label="Discard"
            question="Discard this event?"
            consequence={`${service} will never apply it.`}
            tone="danger"
            action={() => discard.mutateAsync({ deadLetterId })}
          />
        </span>
      </div>
      <p className="bad-text">{error}</p>
      <details>
        <summary>{readable ? 'Show the event' : 'Show its bytes'}</summary>
        <p className="muted mono small-text">{eventId}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keyboard. */}
        <pre className="json" tabIndex={0}>
          {text}
        </pre>
      </details>
    </li>
  );
}
