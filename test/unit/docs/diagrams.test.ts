// docs/architecture.md agrees with the contracts: its diagrams name only what exists, and the page names every RPC and event.
import { globSync } from 'node:fs';
import type { DescFile } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { REPOSITORY, readPage } from './page.ts';

const page = readPage('docs/architecture.md');
const diagrams = [...page.matchAll(/^```mermaid\n(.*?)^```$/gms)].map(([, text = '']) => text);

const files = await Promise.all(
  globSync('gen/shop/**/*_pb.ts', { cwd: REPOSITORY }).map(async (path) => {
    const module: Record<string, unknown> = await import(`${REPOSITORY}${path}`);
    const [, file] = Object.entries(module).find(([name]) => name.startsWith('file_')) ?? [];
    return { path, file: file as DescFile };
  }),
);
const services = files.flatMap(({ file }) => file.services);
const serviceNames = services.map(({ name }) => name);
const rpcs = services.flatMap(({ methods }) => methods.map(({ name }) => name));
const events = files
  .filter(({ path }) => path.endsWith('_events_pb.ts'))
  .flatMap(({ file }) => file.messages.map(({ name }) => name));

// Names in PascalCase of two words or more are names of the contracts; product names are not.
const namesIn = (text: string) => text.replaceAll('JetStream', '').match(/\b(?:[A-Z][a-z]+){2,}\b/g) ?? [];

describe('the diagrams of docs/architecture.md', () => {
  it('are the context, the sequence and the states of an order, and the flow of events', () => {
    expect(diagrams.map((text) => text.split('\n')[0])).toEqual([
      'flowchart LR',
      'sequenceDiagram',
      'stateDiagram-v2',
      'flowchart LR',
    ]);
  });

  it('name only services, RPCs and events of the contracts', () => {
    const known = new Set([...serviceNames, ...rpcs, ...events]);
    const named = diagrams.flatMap(namesIn);

    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('draw each call to the service that has the RPC', () => {
    const calls = diagrams.flatMap((text) => [...text.matchAll(/-->\|"?([A-Z][^|"]*)"?\| (\w+Service)/g)]);
    const wrong = calls.flatMap(([, labels = '', target]) =>
      namesIn(labels).filter(
        (name) => rpcs.includes(name) && !services.find((s) => s.name === target)?.methods.some((m) => m.name === name),
      ),
    );

    expect(calls.length).toBeGreaterThan(3);
    expect(wrong).toEqual([]);
  });

  it('draw each event to the stream of its producer', () => {
    const drawn = (diagrams[3] ?? '').matchAll(/^ +\w+Service -->\|"([^"]+)"\| SHOP_(\w+?)\[/gm);
    const published = [...drawn].flatMap(([, labels = '', area]) => namesIn(labels).map((name) => `${area} ${name}`));
    const declared = files
      .filter(({ path }) => path.endsWith('_events_pb.ts'))
      .flatMap(({ file }) => file.messages.map((m) => `${m.typeName.split('.')[1]?.toUpperCase()} ${m.name}`));

    expect(published.toSorted()).toEqual(declared.toSorted());
  });
});

it('names every service, RPC and event of the contracts', () => {
  const missing = [...serviceNames, ...rpcs, ...events].filter((name) => !new RegExp(`\\b${name}\\b`).test(page));

  expect(rpcs.length).toBeGreaterThan(20);
  expect(events).toHaveLength(13);
  expect(missing).toEqual([]);
});

it('lists the RPCs of each service beside it', () => {
  const rows = page.split('\n').filter((line) => /^\| \w+Service /.test(line));
  const listed = rows
    .map((row) => row.split('|'))
    .map(([, name = '', , names = '']) => [name.trim().split(' ')[0], namesIn(names)]);
  const declared = services.map(({ name, methods }) => [name, methods.map((method) => method.name)]);

  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(declared));
});
