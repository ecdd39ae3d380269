// The metrics of a service as text, in Prometheus' own format and in OpenMetrics, which has exemplars: an observation of a bucket, with
// its trace.
import type { Exemplar, MetricFamily } from './metric-reader.ts';

export const TEXT_FORMATS = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;

export type TextFormat = keyof typeof TEXT_FORMATS;

type Labels = MetricFamily['values'][number]['labels'];

/** Returns the metrics as text in this format. */
export function writeMetrics(families: readonly MetricFamily[], format: TextFormat): string {
  const isOpen = format === 'openmetrics';
  const lines = families.flatMap((family) => [...describeFamily(family, isOpen), ...writeSamples(family, isOpen)]);
  return `${[...lines, ...(isOpen ? ['# EOF'] : [])].join('\n')}\n`;
}

function describeFamily({ name, help, type }: MetricFamily, isOpen: boolean): string[] {
  const family = isOpen && isCounter(type) ? withoutTotal(name) : name;
  const unit = /_(seconds|bytes)$/.exec(family)?.[1];
  return [
    `# HELP ${family} ${isOpen ? escapeText(help).replaceAll('"', '\\"') : escapeText(help)}`,
    `# TYPE ${family} ${type}`,
    ...(isOpen && unit !== undefined ? [`# UNIT ${family} ${unit}`] : []),
  ];
}

function writeSamples({ name, type, values }: MetricFamily, isOpen: boolean): string[] {
  const ownName = isOpen && isCounter(type) ? `${withoutTotal(name)}_total` : name;
  return values.map(({ metricName = ownName, labels, value, exemplar }) => {
    const trace = isOpen && exemplar ? ` # ${writeExemplar(exemplar)}` : '';
    return `${metricName}${writeLabels(labels)} ${writeNumber(value)}${trace}`;
  });
}

function writeExemplar({ labelSet, value, timestamp }: Exemplar): string {
  return `${writeLabels(labelSet)} ${writeNumber(value)} ${timestamp}`;
}

function writeLabels(labels: Labels | Exemplar['labelSet']): string {
  const pairs = Object.entries(labels)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${escapeText(String(value)).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function writeNumber(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

// prom-client types it as a number, but has a word there.
function isCounter(type: MetricFamily['type']): boolean {
  return String(type) === 'counter';
}

function withoutTotal(name: string): string {
  return name.replace(/_total$/, '');
}
