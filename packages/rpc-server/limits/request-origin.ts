// Checks that a request is meant for this server: its host, and for scripts of a web page their origin. A page whose name was made to
// point to this address (DNS rebinding) would otherwise call a server that only its visitors can reach.

import { isIP } from 'node:net';

const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/** Whether an authority, such as `shop.example:8443`, is one that this server is called by. */
export type HostCheck = (authority: string) => boolean;

/**
 * Returns the check. IP addresses and `localhost` are always accepted: no name can be made to look like them.
 *
 * @param allowedHosts names without port; `*` accepts any.
 * @param ownHost the name or address that the server listens on.
 */
export function createHostCheck(allowedHosts: readonly string[] | undefined, ownHost: string): HostCheck {
  if (allowedHosts?.includes('*') === true) return () => true;
  const names = new Set(['localhost', ownHost, ...(allowedHosts ?? [])].map((name) => name.toLowerCase()));
  return (authority) => {
    const name = hostNameOf(authority);
    return name !== undefined && (names.has(name) || isIP(name) !== 0 || name.endsWith('.localhost'));
  };
}

/**
 * Returns the check of an `Origin` header. Origins are compared as a whole.
 *
 * @param origins such as `https://shop.example`; `*` accepts any, `undefined` those of this machine.
 */
export function createOriginCheck(origins: readonly string[] | undefined): (origin: string) => boolean {
  if (origins === undefined) return (origin) => LOOPBACK_ORIGIN.test(origin);
  if (origins.includes('*')) return () => true;
  const allowed = new Set(origins);
  return (origin) => allowed.has(origin);
}

function hostNameOf(authority: string): string | undefined {
  if (!URL.canParse(`http://${authority}`)) return undefined;
  const { hostname, username } = new URL(`http://${authority}`);
  return username === '' ? hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase() : undefined;
}
