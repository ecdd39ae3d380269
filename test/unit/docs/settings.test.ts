// docs/settings.md lists every setting with its default, and no other.
import { globSync } from 'node:fs';
import { relative } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { loadStackSettings } from '#local/stack/stack-settings.ts';
import { loadConfig as loadAnalytics } from '#services/analytics/config.ts';
import { loadConfig as loadConsole } from '#services/console/config.ts';
import { loadConfig as loadInventory } from '#services/inventory/config.ts';
import { loadConfig as loadMonitor } from '#services/monitor/config.ts';
import { loadConfig as loadNotification } from '#services/notification/config.ts';
import { loadConfig as loadOrder } from '#services/order/config.ts';
import { loadConfig as loadPayment } from '#services/payment/config.ts';
import type * as Settings from '#services/platform/base/settings.ts';
import * as builders from '#services/platform/base/settings.ts';
import { loadTelemetryConfig } from '#services/platform/observability/telemetry-config.ts';
import { sharedSettings } from '#services/platform/runtime/config.ts';
import { loadConfig as loadProvisioning } from '#services/provisioning/config.ts';
import { REPOSITORY, readPage, sectionOf, tableRows } from './page.ts';

type Shape = Readonly<Record<string, unknown>>;

let recorded: Shape = {};

beforeEach(() => {
  recorded = {};
  const { parseSettings } = builders;
  vi.spyOn(builders, 'parseSettings').mockImplementation((environment, shape) => {
    recorded = { ...recorded, ...shape };
    return parseSettings(environment, shape);
  });
});

const page = readPage('docs/settings.md');
const listed = (section: string) => tableRows(sectionOf(page, section)).map(([name, value]) => `${name} | ${value}`);

/** The rows that a loader's settings must have on the page. */
function rowsOf(load: (environment: Settings.Environment) => unknown): string[] {
  try {
    load({});
  } catch (error) {
    // Required settings are missing; their shape was recorded all the same.
    if (!(error instanceof builders.ConfigError)) throw error;
  }
  return describeShape(recorded);
}

function describeShape(shape: Shape): string[] {
  return Object.entries(shape).map(([name, type]) => `\`${name}\` | ${describeDefault(type as Parsable)}`);
}

type Parsable = { safeParse(value: undefined): { success: boolean; data?: unknown } };

function describeDefault(type: Parsable): string {
  const { success, data } = type.safeParse(undefined);
  if (!success) return 'required';
  if (data === undefined || (typeof data === 'object' && data !== null && Object.keys(data).length === 0))
    return 'none';
  if (typeof data !== 'string') return String(data);
  return `\`${data.startsWith(REPOSITORY) ? relative(REPOSITORY, data) : data}\``;
}

it.each([
  ['Order', loadOrder],
  ['Inventory', loadInventory],
  ['Payment', loadPayment],
  ['Notification', loadNotification],
  ['Analytics', loadAnalytics],
  ['Monitor', loadMonitor],
] as const)('lists the settings of %s', (section, load) => {
  expect([...listed('Every service'), ...listed(section)].toSorted()).toEqual(rowsOf(load).toSorted());
});

it('lists the settings of the console, which has no database and no broker', () => {
  const rows = rowsOf(loadConsole);
  const shared = listed('Every service').filter((row) => rows.includes(row));

  expect(shared.length).toBeGreaterThan(20);
  expect(shared.filter((row) => /^`(NATS|DATABASE)_/.test(row))).toEqual([]);
  expect([...shared, ...listed('Console')].toSorted()).toEqual(rows.toSorted());
});

it('lists the settings of provisioning', () => {
  expect(listed('Provisioning').toSorted()).toEqual(rowsOf(loadProvisioning).toSorted());
});

it('lists the settings of telemetry', () => {
  expect(listed('Telemetry').toSorted()).toEqual(rowsOf(loadTelemetryConfig).toSorted());
});

it('lists the settings of the local stack', () => {
  expect(listed('The local stack').toSorted()).toEqual(rowsOf(loadStackSettings).toSorted());
});

// These files start a server when they are imported, so their settings are read from the source.
it.each([
  ['The fake payment provider', 'local/provider/main.ts'],
  ['The mailbox', 'local/mailbox/main.ts'],
])('lists the settings of %s', (section, file) => {
  const [, literal = ''] = /parseSettings\(process\.env, (\{[^}]*\})\)/.exec(readPage(file)) ?? [];
  const scope = { ...builders, sharedSettings };
  const shape = new Function(...Object.keys(scope), `return ${literal}`)(...Object.values(scope)) as Shape;

  expect(listed(section).toSorted()).toEqual(describeShape(shape).toSorted());
});

it('names every setting that a file reads directly', () => {
  const files = globSync('{services,local}/**/*.ts', { cwd: REPOSITORY });
  const read = files.flatMap((file) =>
    [...readPage(file).matchAll(/\b(?:environment|process\.env)\.([A-Z][A-Z0-9_]+)\b/g)].map(([, name = '']) => name),
  );
  const unnamed = [...new Set(read)].filter((name) => name !== 'PATH' && !page.includes(`\`${name}\``));

  expect(files.length).toBeGreaterThan(100);
  expect(unnamed).toEqual([]);
});
