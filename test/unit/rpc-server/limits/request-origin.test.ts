import { expect, it } from 'vitest';
import { createHostCheck } from '#packages/rpc-server/limits/request-origin.ts';

it.each([
  { authority: 'localhost:50051' },
  { authority: 'LOCALHOST' },
  { authority: 'app.localhost:1' },
  { authority: 'localhost.' },
  { authority: '127.0.0.1:50051' },
  { authority: '[::1]:50051' },
  { authority: '192.168.1.7' },
  { authority: 'orders.internal:50051', host: 'orders.internal' },
  { authority: 'order.shop.svc:50051', allowedHosts: ['order.shop.svc'] },
  { authority: 'Order.Shop.Svc', allowedHosts: ['ORDER.shop.svc'] },
  { authority: 'anything.example', allowedHosts: ['*'] },
])('accepts $authority (allowed: $allowedHosts, own: $host)', ({ authority, allowedHosts, host = '127.0.0.1' }) => {
  expect(createHostCheck(allowedHosts, host)(authority)).toBe(true);
});

it.each([
  { authority: 'evil.example:50051' },
  { authority: 'localhost.evil.example' },
  { authority: 'evil-localhost' },
  { authority: '127.0.0.1.evil.example' },
  { authority: 'localhost@evil.example' },
  { authority: 'evil@localhost' },
  { authority: 'not a host' },
  { authority: '' },
  { authority: 'other.shop.svc', allowedHosts: ['order.shop.svc'] },
  { authority: 'order.shop.svc.evil.example', allowedHosts: ['order.shop.svc'] },
])('refuses $authority (allowed: $allowedHosts)', ({ authority, allowedHosts }) => {
  expect(createHostCheck(allowedHosts, '127.0.0.1')(authority)).toBe(false);
});
