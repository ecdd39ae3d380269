// What the console forwards and what its page calls, against the contracts.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { FORWARDED_SERVICES, forwardedMethods } from '#services/console/forwarded-services.ts';
import { EVERY_SERVICE } from '../../support/identity/every-service.ts';

const services = [...FORWARDED_SERVICES.map(({ service }) => service), OpsService, ControlService];
const forwarded = services.flatMap((service) => forwardedMethods(service).map(({ name }) => `${service.name}/${name}`));

it('forwards to each service of the platform', () => {
  expect(services.map(({ typeName }) => typeName).toSorted()).toEqual(
    [...EVERY_SERVICE.map(({ typeName }) => typeName), ControlService.typeName].toSorted(),
  );
});

/** Written by hand: what only the order service may call. */
it('forwards every RPC but those that only services may call', () => {
  const others = services
    .flatMap((service) => service.methods.map(({ name }) => `${service.name}/${name}`))
    .filter((name) => !forwarded.includes(name));

  expect(forwarded.length).toBeGreaterThan(25);
  expect(others.toSorted()).toEqual([
    'InventoryService/ConfirmReservation',
    'InventoryService/ReleaseReservation',
    'InventoryService/ReserveStock',
    'PaymentService/ProcessPayment',
    'PaymentService/RefundPayment',
  ]);
});

it('forwards every RPC that the page calls', () => {
  const page = fileURLToPath(new URL('../../../services/console/page/src/', import.meta.url));
  const sources = globSync('**/*.{ts,tsx}', { cwd: page }).map((file) => readFileSync(`${page}${file}`, 'utf8'));
  const called = sources.flatMap((source) => [
    ...[...source.matchAll(/\b(\w+Service)\.method\.(\w+)/g)].map(([, service, method]) => `${service}/${method}`),
    ...[...source.matchAll(/createClient\((\w+Service), \w+\)/g)].flatMap(([, service]) =>
      [...source.matchAll(/\bclient\.(\w+)\(/g)].map(([, method]) => `${service}/${method}`),
    ),
  ]);
  const local = (name: string) => name.replace(/\/./, (first) => first.toLowerCase());
  const known = new Set(forwarded.map(local));

  expect(new Set(called).size).toBeGreaterThan(20);
  expect(called).toEqual(expect.arrayContaining(['OrderService/watchOrder', 'OrderService/createOrder']));
  expect(called.filter((name) => !known.has(name))).toEqual([]);
});
