// Who may call which method, as the contract declares it. Pure: default deny.
import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { type Access, access, Role } from '#gen/shop/access/v1/access_pb.ts';
import type { Caller } from '../identity/caller.ts';

/** Whether a call is allowed, and if not, why: the caller has shown no credentials, or it is not one who may call. */
export type AccessDecision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'unauthenticated' | 'denied'; readonly message: string };

const ALLOWED: AccessDecision = { kind: 'allowed' };
const ROLE_OF: Readonly<Record<'customer' | 'operator' | 'monitor', Role>> = {
  customer: Role.CUSTOMER,
  operator: Role.OPERATOR,
  monitor: Role.MONITOR,
};
const ROLE_NAMES: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: '',
  [Role.PUBLIC]: 'everyone',
  [Role.CUSTOMER]: 'a customer',
  [Role.OPERATOR]: 'an operator',
  [Role.MONITOR]: 'the monitor',
};

/** The access that the contract declares for a method; undefined when it declares none. */
export function accessOf(method: DescMethod): Access | undefined {
  return hasOption(method, access) ? getOption(method, access) : undefined;
}

/** Decides whether `caller` may call `method`. `guestsAllowed`: whether guest orders are on. */
export function decideAccess(method: DescMethod, caller: Caller, guestsAllowed: boolean): AccessDecision {
  const declared = accessOf(method);
  const name = `${method.parent.typeName}/${method.name}`;
  if (declared === undefined) return { kind: 'denied', message: `${name} does not declare who may call it` };
  if (declared.roles.includes(Role.PUBLIC) || isAllowed(declared, caller, guestsAllowed)) return ALLOWED;
  const message = `only ${describeAccess(declared)} may call ${name}`;
  return { kind: caller.kind === 'guest' ? 'unauthenticated' : 'denied', message };
}

function isAllowed({ roles, services, guests }: Access, caller: Caller, guestsAllowed: boolean): boolean {
  if (caller.kind === 'guest') return guests && guestsAllowed;
  if (caller.kind === 'service') return services.includes(caller.id);
  return roles.includes(ROLE_OF[caller.kind]);
}

/** Who may call, in words: `a customer, an operator or the order service`. */
function describeAccess({ roles, services }: Access): string {
  const names = [...roles.map((role) => ROLE_NAMES[role]), ...services.map((service) => `the ${service} service`)];
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : (names[0] ?? 'no one');
}
