// The drawing of the map: boxes for processes, lines for what they say to each other.
import { type Link, LinkFault, type Process, ProcessState } from '#gen/local/control/v1/control_pb.ts';
import {
  BOX_HEIGHT,
  BOX_WIDTH,
  BOXES,
  type Box,
  endsOf,
  LINES,
  type Line,
  labelPlace,
  MAP_HEIGHT,
  MAP_WIDTH,
} from '../model/map-layout.ts';
import { describeQueues, queuesOf, type WaitingEvents } from '../model/queues.ts';
import { formatRate, type ServiceRates } from '../model/rates.ts';
import { replicasOf, stateOfReplicas } from '../model/replicas.ts';
import { formatDuration } from '../model/times.ts';

export type MapDrawingProps = {
  readonly rates: readonly ServiceRates[];
  readonly processes: readonly Process[];
  readonly links: readonly Link[];
  readonly queues: readonly WaitingEvents[] | undefined;
  readonly chosen: string;
  readonly onChoose: (name: string) => void;
};

export function MapDrawing({ rates, processes, links, queues, chosen, onChoose }: MapDrawingProps) {
  return (
    <figure className="map-frame" aria-label="Map of the platform">
      {/* biome-ignore lint/a11y/noSvgWithoutTitle: the figure has the name; a title would show it over every box. */}
      <svg className="map" viewBox={`0 0 ${MAP_WIDTH} ${MAP_HEIGHT}`}>
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M0 0 8 4 0 8z" className="arrow" />
          </marker>
        </defs>
        {LINES.map((line) => (
          <MapLine key={`${line.from} ${line.to}`} line={line} rates={rates} links={links} />
        ))}
        {BOXES.map((box) => (
          <MapBox
            key={box.name}
            box={box}
            rates={rates.find(({ name }) => name === box.name)}
            replicas={replicasOf(processes, box.name)}
            queues={queues}
            isChosen={chosen === box.name}
            onChoose={() => onChoose(box.name)}
          />
        ))}
      </svg>
    </figure>
  );
}

const STATES: Readonly<Record<ProcessState, readonly [text: string, tone: string]>> = {
  [ProcessState.UNSPECIFIED]: ['', 'quiet'],
  [ProcessState.HEALTHY]: ['healthy', 'good'],
  [ProcessState.STARTING]: ['starting', 'wait'],
  [ProcessState.DOWN]: ['down', 'bad'],
  [ProcessState.STOPPED]: ['stopped', 'bad'],
  [ProcessState.PAUSED]: ['frozen', 'bad'],
  [ProcessState.EXTERNAL]: ['external', 'quiet'],
};

/** What is known of a process: its state by the supervisor, else by whether its metrics can be read. */
function stateOf(
  name: string,
  replicas: readonly Process[],
  rates: ServiceRates | undefined,
): readonly [string, string] {
  if (replicas.length > 0) return STATES[stateOfReplicas(replicas).state] ?? ['', 'quiet'];
  // It has just served the page.
  if (name === 'console') return ['up', 'good'];
  if (rates === undefined) return ['', 'quiet'];
  return rates.up ? ['up', 'good'] : ['down', 'bad'];
}

/** Calls served, or, for a service that serves none, events handled. */
function loadOf({ served, handledPerSecond }: ServiceRates): string[] {
  if (served.perSecond > 0) return [formatRate(served.perSecond)];
  return handledPerSecond > 0 ? [`${formatRate(handledPerSecond)} events`] : [];
}

type MapBoxProps = {
  readonly box: Box;
  readonly rates: ServiceRates | undefined;
  readonly replicas: readonly Process[];
  readonly queues: readonly WaitingEvents[] | undefined;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
};

function MapBox({ box, rates, replicas, queues, isChosen, onChoose }: MapBoxProps) {
  const [state, tone] = stateOf(box.name, replicas, rates);
  const restarts = replicas.reduce((sum, process) => sum + process.restarts, 0);
  const count = Math.max(replicas.length, rates?.replicas ?? 1);
  const { healthy } = stateOfReplicas(replicas);
  const facts = [
    ...(rates === undefined ? [] : loadOf(rates)),
    ...(rates?.served.milliseconds === undefined ? [] : [formatDuration(rates.served.milliseconds)]),
    ...(restarts > 0 ? [`↻ ${restarts}`] : []),
  ].join(' · ');
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing has no button element.
    <g
      className={`box ${tone} ${box.kind} ${isChosen ? 'chosen' : ''}`}
      transform={`translate(${box.x} ${box.y})`}
      role="button"
      tabIndex={0}
      aria-pressed={isChosen}
      data-process={box.name}
      data-state={state}
      data-replicas={count}
      onClick={onChoose}
      onKeyDown={({ key }) => (key === 'Enter' || key === ' ') && onChoose()}
    >
      {count > 1 && <rect className="behind" x="6" y="-5" width={BOX_WIDTH} height={BOX_HEIGHT} rx="10" />}
      <rect width={BOX_WIDTH} height={BOX_HEIGHT} rx="10" />
      <circle cx="18" cy="24" r="6" />
      <text x="32" y="29" className="box-name">
        {box.label}
      </text>
      {count > 1 && (
        <text x={BOX_WIDTH - 12} y="29" textAnchor="end" className="box-facts">
          {replicas.length > 0 ? `${healthy}/${count}` : `×${count}`}
        </text>
      )}
      <text x="14" y="58" className="box-facts">
        {[state, facts].filter(Boolean).join(' · ')}
      </text>
      <QueueBadge text={describeQueues(queuesOf(box.name, rates, queues))} />
    </g>
  );
}

const LETTER_WIDTH = 7;
const BADGE_HEIGHT = 20;

/** The length of a service's queues, on the upper edge of its box. */
function QueueBadge({ text }: { readonly text: string }) {
  if (text === '') return null;
  const width = text.length * LETTER_WIDTH + 16;
  return (
    <g className="queue" transform={`translate(${BOX_WIDTH - width - 8} -8)`}>
      <rect width={width} height={BADGE_HEIGHT} rx={BADGE_HEIGHT / 2} />
      <text x={width / 2} y="14" textAnchor="middle">
        {text}
      </text>
    </g>
  );
}

function lineTone(fault: LinkFault, breaker: 'closed' | 'half_open' | 'open'): string {
  if (fault === LinkFault.CUT || breaker === 'open') return 'bad';
  return fault === LinkFault.SLOW || breaker === 'half_open' ? 'wait' : '';
}

const FAULTS: Readonly<Record<number, string>> = { [LinkFault.SLOW]: 'slow', [LinkFault.CUT]: 'cut' };

type MapLineProps = { readonly line: Line; readonly rates: readonly ServiceRates[]; readonly links: readonly Link[] };

function MapLine({ line, rates, links }: MapLineProps) {
  const ends = endsOf(line);
  if (ends === undefined) return null;
  const { text: rate, breaker, isActive } = describeLine(line, rates);
  const fault = links.find(({ from, to }) => from === line.from && to === line.to)?.fault ?? LinkFault.UNSPECIFIED;
  const label = labelPlace(ends);
  const faultText = FAULTS[fault] ?? '';
  const tone = lineTone(fault, breaker);
  const labels = [rate, breaker === 'closed' ? '' : `breaker ${breaker.replace('_', ' ')}`, faultText].filter(Boolean);
  return (
    <g className={`line ${line.kind} ${tone} ${isActive ? 'active' : ''}`}>
      <line {...ends} markerEnd="url(#arrow)" />
      {labels.map((text, at) => (
        <text key={text} x={label.x} y={label.y - (labels.length - 1 - at) * 15} textAnchor={label.anchor}>
          {text}
        </text>
      ))}
    </g>
  );
}

function describeLine(line: Line, rates: readonly ServiceRates[]) {
  const of = (name: string) => rates.find((known) => known.name === name);
  if (line.kind === 'events') {
    const perSecond =
      line.to === 'nats'
        ? rates.reduce((sum, { publishedPerSecond }) => sum + publishedPerSecond, 0)
        : (of(line.to)?.handledPerSecond ?? 0);
    return { text: `${formatRate(perSecond)} events`, breaker: 'closed' as const, isActive: perSecond > 0 };
  }
  const edge = of(line.from)?.edges.find(({ dependency }) => dependency === (line.dependency ?? line.to));
  if (edge === undefined) return { text: '', breaker: 'closed' as const, isActive: false };
  const latency = edge.milliseconds === undefined ? '' : ` · ${formatDuration(edge.milliseconds)}`;
  return { text: `${formatRate(edge.perSecond)}${latency}`, breaker: edge.breaker, isActive: edge.perSecond > 0 };
}
