// The rules of the contracts: what they refuse, and in which words.
import { create, createRegistry, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { describe, expect, it } from 'vitest';
import { MoneySchema } from '#gen/shop/common/v1/money_pb.ts';
import {
  AdjustStockRequestSchema,
  CheckAvailabilityRequestSchema,
  ListProductsRequestSchema,
  ReleaseReservationRequestSchema,
  UpsertProductRequestSchema,
} from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { ReplayDeadLetterRequestSchema } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { CreateOrderRequestSchema, ListOrdersRequestSchema } from '#gen/shop/order/v1/order_service_pb.ts';
import { ProcessPaymentRequestSchema } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { file_shop_rules_v1_rules } from '#gen/shop/rules/v1/rules_pb.ts';
import { findViolations, requireValid } from '#services/platform/base/contract-rules.ts';
import { decimalsOf } from '#services/platform/base/currencies.ts';

/** The violations of a message, each as `field: description`. */
function violationsOf<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): string[] {
  return findViolations(schema, create(schema, init)).map(({ field, description }) => `${field}: ${description}`);
}

const idFaults = (productId: string) => violationsOf(CheckAvailabilityRequestSchema, { productId });
const nameFaults = (name: string) =>
  violationsOf(UpsertProductRequestSchema, {
    productId: 'lamp',
    name,
    unitPrice: { currencyCode: 'EUR', minorUnits: 1n },
  });
const moneyFaults = (currencyCode: string, minorUnits: bigint) =>
  violationsOf(MoneySchema, { currencyCode, minorUnits });

describe('the violations of a message', () => {
  it('are all reported at once, in the order of the fields, each once', () => {
    const items = [
      { productId: '\n'.repeat(500), quantity: 0 },
      { productId: 'lamp', quantity: 10_001 },
    ];

    expect(violationsOf(CreateOrderRequestSchema, { items, paymentMethod: 'cash' })).toEqual([
      'idempotency_key: must not be empty',
      'customer_id: must not be empty',
      'items[0].product_id: must have at most 128 characters, has 500',
      'items[0].quantity: must be at least 1, is 0',
      'items[1].quantity: must be at most 10000, is 10001',
      'payment_method: must be a token of the payment provider, like pm_approved',
    ]);
  });

  it('of a list that is too long name the list first, and no entry beyond its limit', () => {
    const items = Array.from({ length: 200_000 }, () => ({ productId: 'lamp', quantity: 0 }));
    const valid = { idempotencyKey: 'k', customerId: 'c', paymentMethod: 'pm_approved' };
    const found = violationsOf(CreateOrderRequestSchema, { ...valid, items });

    expect(found[0]).toBe('items: must have at most 100 entries, has 200000');
    expect(found.slice(1)).toHaveLength(100);
    expect(found.at(-1)).toBe('items[99].quantity: must be at least 1, is 0');
  });

  it('of a part of a field name that part', () => {
    const payment = { orderId: 'o', idempotencyKey: 'k', customerId: 'c', paymentMethod: 'pm_approved' };
    const amount = { currencyCode: 'euro', minorUnits: -1n };

    expect(violationsOf(ProcessPaymentRequestSchema, { ...payment, amount })).toEqual([
      'amount.minor_units: must be at least 1, is -1',
      'amount.currency_code: must be a currency of ISO 4217 in upper-case letters, like EUR',
    ]);
    expect(violationsOf(ProcessPaymentRequestSchema, payment)).toEqual(['amount: must be set']);
  });

  it.each([
    [
      'an unknown number of an enum',
      ListOrdersRequestSchema,
      { status: 99 },
      'status',
      'shop.order.v1.OrderStatus, is 99',
    ],
    ['a negative page', ListProductsRequestSchema, { pageSize: -1 }, 'page_size', 'must be at least 0, is -1'],
    [
      'a change by nothing',
      AdjustStockRequestSchema,
      { idempotencyKey: 'k', productId: 'p' },
      'delta',
      'must not be 0',
    ],
    ['an id that is no UUID', ReplayDeadLetterRequestSchema, { deadLetterId: '7' }, 'dead_letter_id', 'UUID'],
    [
      'no items',
      CreateOrderRequestSchema,
      { idempotencyKey: 'k', customerId: 'c', paymentMethod: 'pm_a' },
      'items',
      'must not be empty',
    ],
  ] as [string, DescMessage, object, string, string][])('describe %s', (_, schema, init, field, words) => {
    const found = violationsOf(schema, init as never);

    expect(found).toEqual([expect.stringContaining(words)]);
    expect(found[0]).toMatch(new RegExp(`^${field}: `));
  });

  it('are one error of the kind invalid_argument', () => {
    expect(() => requireValid(CheckAvailabilityRequestSchema, create(CheckAvailabilityRequestSchema))).toThrow(
      expect.objectContaining({ kind: 'invalid_argument', reason: 'INVALID_REQUEST' }),
    );
  });
});

describe('an identifier', () => {
  it('may be as long as its limit and no longer, counted in code points', () => {
    expect(idFaults('x'.repeat(128))).toEqual([]);
    expect(idFaults('x'.repeat(300))).toEqual(['product_id: must have at most 128 characters, has 300']);
    expect(idFaults('🎁'.repeat(128))).toEqual([]);
    expect(idFaults('🎁'.repeat(129))).toEqual(['product_id: must have at most 128 characters, has 129']);
  });

  it.each(['\u0000', '\n', '\u007f', '\u0085'])('may not hold a control character: %j', (character) => {
    expect(idFaults(`a${character}b`)).toEqual(['product_id: must not contain control characters']);
  });

  it.each([
    ['a zero-width space', 'cust\u200b123'],
    ['a byte order mark', '\ufeffcust123'],
    ['a soft hyphen', 'cust\u00ad123'],
    ['a bidirectional override', 'cust\u202e321'],
    ['an isolate', 'cust\u2066123'],
    ['a blank letter', 'cust\u3164'],
    ['a line separator', 'cust\u2028123'],
    ['a joiner', 'cust\u200d123'],
  ])('may not hold %s, by which two ids would look the same', (_, value) => {
    expect(idFaults(value)).toEqual(['product_id: must not contain invisible or bidirectional characters']);
  });

  it('may hold exactly the characters that Unicode calls visible: both sides of each range of them', () => {
    const INVISIBLE = /[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2028\u2029]/u;
    const isInvisible = (code: number) => INVISIBLE.test(String.fromCodePoint(code));
    const codes = [0, 1, 14].flatMap((plane) => Array.from({ length: 0xffff }, (_, low) => plane * 0x10000 + low + 1));
    const edges = codes.filter((code) => isInvisible(code) !== isInvisible(code - 1));
    const wrong = edges
      .flatMap((code) => [code - 1, code])
      .filter((code) => isInvisible(code) !== idFaults(`a${String.fromCodePoint(code)}b`).length > 0);

    expect(edges.length).toBeGreaterThan(30);
    expect(wrong.map((code) => code.toString(16))).toEqual([]);
  });

  it.each([' ', '\u00a0', '\u3000', ' cust123', 'cust123 '])('is not blank at an end: %j', (value) => {
    expect(idFaults(value)).toEqual(['product_id: must not begin or end with white space']);
  });

  it('is not half a surrogate pair', () => {
    expect(idFaults('a\ud83d')).toEqual(['product_id: must be well-formed Unicode']);
  });

  it('may be in any language', () => {
    expect(idFaults('Grüße 東京 🎁')).toEqual([]);
  });

  it('that is optional may be empty, and is checked when it is not', () => {
    const faults = (reservationId: string) =>
      violationsOf(ReleaseReservationRequestSchema, { orderId: 'o', reservationId });

    expect(faults('')).toEqual([]);
    expect(faults('a\tb')).toHaveLength(1);
    expect(faults('x'.repeat(129))).toHaveLength(1);
  });
});

describe('a name', () => {
  it.each(['👩‍👩‍👧 family mug', '❤️', 'می\u200cخواهم', 'n'.repeat(200)])(
    'may hold the joiners of its script and of emoji: %s',
    (name) => {
      expect(nameFaults(name)).toEqual([]);
    },
  );

  it.each([
    ['\u200d\ufe0f', 'must contain a visible character'],
    ['lamp\u202egnp', 'must not contain invisible or bidirectional characters'],
    [' lamp', 'must not begin or end with white space'],
    ['\u200d lamp', 'must not begin or end with white space'],
    ['n'.repeat(201), 'must have at most 200 characters, has 201'],
    ['', 'must not be empty'],
  ])('of %j is refused', (name, fault) => {
    expect(nameFaults(name)).toEqual([`name: ${fault}`]);
  });
});

describe('money', () => {
  it.each(['', 'eur', 'EU', 'EURO', 'E1R', 'EUR\n', 'ZZZ', 'XXX', 'XAU'])('has no currency %j', (currencyCode) => {
    expect(moneyFaults(currencyCode, 1n)).toHaveLength(1);
  });

  it('has the currencies whose decimals are known, and no other', () => {
    const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(65 + index));
    const codes = letters.flatMap((first) => letters.flatMap((next) => letters.map((last) => first + next + last)));
    const wrong = codes.filter((code) => (moneyFaults(code, 0n).length === 0) !== (decimalsOf(code) !== undefined));

    expect(wrong).toEqual([]);
  });

  it('is not negative', () => {
    expect(moneyFaults('EUR', -1n)).toEqual(['minor_units: must be at least 0, is -1']);
    expect(moneyFaults('EUR', 0n)).toEqual([]);
  });
});

it('the rules mean the same to the engine of RE2, which other languages use', () => {
  const validator = createValidator({ registry: createRegistry(file_shop_rules_v1_rules) });
  const texts = ['lamp', 'a\u200bb', '\u200d', '❤️', 'EUR\n'];
  for (const text of texts) {
    const message = create(UpsertProductRequestSchema, {
      productId: text,
      name: text,
      unitPrice: { currencyCode: text, minorUnits: 1n },
    });
    const result = validator.validate(UpsertProductRequestSchema, message);
    const fields = result.kind === 'invalid' ? result.violations.map(({ field }) => field.length) : [];

    expect(fields, JSON.stringify(text)).toHaveLength(findViolations(UpsertProductRequestSchema, message).length);
  }
});
