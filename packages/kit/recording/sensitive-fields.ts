// Fields that are redacted without a rule: those that the schema marks with `debug_redact`, and those whose names say that they hold
// credentials or the data of a payment card.

import { type DescField, ScalarType } from '@bufbuild/protobuf';

const KEYS = '(api|access|private|secret|signing|encryption|auth)_?key';
const CREDENTIALS = `password|passwd|passphrase|secret|token|credential|jwt|otp|pin|ssn|${KEYS}`;
const CARDS = 'card_?number|card_?no|pan|cvv2?|cvc2?|security_code|iban|payment_method';
// The name ends with the word: `token_type` and `pin_count` say something about it.
const SENSITIVE = new RegExp(`(^|_)(${CREDENTIALS}|${CARDS})s?(_(hash|value|text))?$`);
// The tokens of pages: a list could not be replayed without them.
const HARMLESS = /(^|_)page_tokens?$/;

/** Whether the schema says that values of this field must not be shown. */
export function isMarked({ proto }: DescField): boolean {
  return proto.options?.debugRedact ?? false;
}

/** Whether the name of this field says that it holds credentials or card data. A flag or an enum value gives none of them away. */
export function isSensitiveName(field: DescField): boolean {
  if (field.enum || field.scalar === ScalarType.BOOL) return false;
  const name = field.name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return SENSITIVE.test(name) && !HARMLESS.test(name);
}
