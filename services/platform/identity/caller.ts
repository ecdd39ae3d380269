// Who makes a call. Pure.

/** A caller: a service, a person or system with a role, or a guest, who has shown no credentials. */
export type Caller =
  | { readonly kind: 'guest' }
  | {
      readonly kind: 'customer' | 'operator' | 'monitor' | 'service';
      /** The subject of the token, or the name of the service. */
      readonly id: string;
    };

/** The kinds of caller that a token can name in its claim `role`. */
export const TOKEN_ROLES = ['customer', 'operator', 'monitor', 'service'] as const;

export const GUEST: Caller = { kind: 'guest' };

/** The name of a caller, unique among callers: `guest`, `customer:cust123`, `service:order`. */
export function callerName(caller: Caller): string {
  return caller.kind === 'guest' ? 'guest' : `${caller.kind}:${caller.id}`;
}

// No name and no key contains it: both refuse control characters.
const SEPARATOR = '\u001f';

/** An idempotency key in the scope of its caller: two callers that use one key do not meet. */
export function scopedKey(caller: Caller, idempotencyKey: string): string {
  return `${callerName(caller)}${SEPARATOR}${idempotencyKey}`;
}
