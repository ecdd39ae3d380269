import { expect, it } from 'vitest';
import { serviceOf } from '#services/platform/identity/service-certificate.ts';

const DOMAIN = 'shop.example';

it.each([
  ['URI:spiffe://shop.example/order', 'order'],
  ['DNS:localhost, URI:spiffe://shop.example/order, IP Address:127.0.0.1', 'order'],
  ['URI:spiffe://other.example/inventory, URI:spiffe://shop.example/order', 'order'],
])('the certificate with %j is of the service %s', (names, service) => {
  expect(serviceOf(names, DOMAIN)).toBe(service);
});

it.each([
  undefined,
  '',
  'DNS:order',
  'URI:spiffe://shop.example/',
  'URI:spiffe://shop.example/order/admin',
  'URI:spiffe://shop.example.evil/order',
  'URI:spiffe://evil/shop.example/order',
  'URI:https://shop.example/order',
  'URI:spiffe://shop.example/Order',
  'URI:spiffe://shop.example/order, URI:spiffe://shop.example/payment',
  '"URI:spiffe://shop.example/order"',
  'DNS:"a, URI:spiffe://shop.example/order"',
])('the certificate with %j is of no service', (names) => {
  expect(serviceOf(names, DOMAIN)).toBeUndefined();
});
