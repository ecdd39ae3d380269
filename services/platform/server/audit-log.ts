// The audit log: one line for each call of a method that the contract marks as audited, whatever came of it.
import { type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import type { Interceptor } from '@connectrpc/connect';
import type { Domain } from '../base/domain.ts';
import { callerName } from '../identity/caller.ts';
import type { Logger } from '../observability/log.ts';
import { codeName } from '../observability/rpc-spans.ts';
import { callerOf } from './access-control.ts';
import { accessOf } from './access-policy.ts';
import { toConnectError } from './rpc-errors.ts';

const MAX_VALUE_LENGTH = 128;

/** Creates the interceptor; it must run outside access control, so that refused calls are recorded too. */
export function createAuditLog(domain: Domain, log: Logger): Interceptor {
  // Written at every level but silent: who may raise LOG_LEVEL must not be able to hide.
  const audit = log.level === 'silent' ? log : log.child({ log: 'audit' }, { level: 'info' });
  return (next) => async (request) => {
    if (request.stream || accessOf(request.method)?.audited !== true) return await next(request);
    const record = (code: string): void =>
      audit.info(
        {
          'rpc.method': `${request.service.typeName}/${request.method.name}`,
          caller: callerName(callerOf({ values: request.contextValues })),
          'rpc.status_code': code,
          request: describeRequest(request.method.input, request.message),
        },
        'audit',
      );
    try {
      const response = await next(request);
      record('ok');
      return response;
    } catch (error) {
      record(codeName(toConnectError(error, domain).code));
      throw error;
    }
  };
}

/** The scalar fields of a request, long texts cut, secrets left out. */
function describeRequest(schema: DescMessage, message: Message): Record<string, string> {
  const reflected = reflect(schema, message);
  const fields = schema.fields.filter((field) => reflected.isSet(field) && !isSecret(field));
  return Object.fromEntries(
    fields.flatMap((field) => {
      if (field.fieldKind === 'message')
        return describeMessage(field.name, field.message, reflected.get(field).message);
      if (field.fieldKind !== 'scalar' || field.scalar === ScalarType.BYTES) return [];
      return [[field.name, cut(String(reflected.get(field)))]];
    }),
  );
}

function describeMessage(name: string, schema: DescMessage, message: Message): [string, string][] {
  return Object.entries(describeRequest(schema, message)).map(([inner, value]) => [`${name}.${inner}`, value]);
}

/** Whether the contract marks a field with `debug_redact`. */
function isSecret(field: DescField): boolean {
  return field.proto.options?.debugRedact === true;
}

function cut(text: string): string {
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH)}...`;
}
