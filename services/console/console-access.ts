// The access control of forwarded calls: refuses other pages, adds the credentials, and asks the contract as every service does. The
// service that is called asks again.

import type { IncomingMessage } from 'node:http';
import { type ContextValues, createContextKey, type Interceptor } from '@connectrpc/connect';
import { permissionDenied } from '../platform/base/errors.ts';
import type { Credentials } from './credentials.ts';
import { isLocalControl } from './forwarded-services.ts';
import { isOfForeignPage } from './own-page.ts';

const FOREIGN_PAGE = createContextKey(false, { description: 'whether another page makes the call' });

/** Notes in the context of a call whether another page makes it. */
export function noteForeignPage(request: IncomingMessage, values: ContextValues): void {
  values.set(FOREIGN_PAGE, isOfForeignPage(request));
}

/** Wraps the platform's access control, `byContract`. */
export function consoleAccess(byContract: Interceptor, credentials: Credentials): Interceptor {
  return (next) => {
    const checked = byContract(next);
    return async (request) => {
      if (request.contextValues.get(FOREIGN_PAGE))
        throw permissionDenied('FOREIGN_PAGE', 'only the page of this console may call it');
      const { header } = request;
      const headers = {
        authorization: header.get('authorization') ?? undefined,
        cookie: header.get('cookie') ?? undefined,
      };
      const authorization = await credentials.find(headers);
      if (authorization !== undefined) header.set('authorization', authorization);
      if (!isLocalControl(request.method)) return await checked(request);
      await credentials.requireOperator(headers);
      return await next(request);
    };
  };
}
