// What scripts of web pages may do with a server of the kit. The headers that they send and read are those of the service that it stands
// for, so every header is allowed.

import type { RpcServerOptions } from '@touchstone/rpc-server';

/** Which scripts of web pages may call a server. They may send and read every header. */
export type BrowserAccess = {
  /** Origins whose scripts may call, such as `https://shop.example`, or `*` for any. Default: `localhost` and loopback addresses. */
  readonly corsOrigins?: readonly string[];
  /** Whether these scripts may send cookies and other credentials of the browser. Default `false`. */
  readonly corsCredentials?: boolean;
};

/** Returns the options of a server that grants this access. */
export function corsOf({ corsOrigins, corsCredentials }: BrowserAccess): Partial<RpcServerOptions> {
  return {
    corsAllowedHeaders: ['*'],
    corsExposedHeaders: ['*'],
    ...(corsOrigins && { corsOrigins }),
    ...(corsCredentials !== undefined && { corsCredentials }),
  };
}
