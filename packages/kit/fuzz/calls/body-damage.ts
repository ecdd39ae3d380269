// Changes of encoded requests. What they leave is no message, or a message that no client of this schema would send.

import type { DescMessage } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A kind of change, and its choices. */
export type BodyDamage = {
  readonly kind: DamageKind;
  /** Where it is made: 0 is the beginning of the body, 1 its end. */
  readonly at: number;
  /** Random bytes for it. */
  readonly bytes: Uint8Array;
};

/** A kind of change. */
export type DamageKind =
  | (typeof EVERY_DAMAGE)[number]
  | (typeof JSON_DAMAGE)[number]
  | (typeof ENVELOPE_DAMAGE)[number];

/** Changes of the bytes of one message. */
export const EVERY_DAMAGE = ['truncated', 'garbage', 'a flipped bit', 'an unknown field', 'a wrong type'] as const;

/** Changes of a message in JSON. */
export const JSON_DAMAGE = ['deeply nested JSON', 'JSON that is no object', 'a repeated member'] as const;

/** Changes of the envelopes around messages. */
export const ENVELOPE_DAMAGE = [
  'no message',
  'one message too many',
  'an envelope that is too long',
  'a compressed message without a compression',
] as const;

const NESTING = 20_000;
const COMPRESSED = 1;

/** Returns the changed bytes of one message; the same bytes for a change of envelopes. */
export function damagePayload(payload: Uint8Array, damage: BodyDamage, desc: DescMessage, isJson: boolean): Uint8Array {
  const at = Math.floor(damage.at * payload.length);
  switch (damage.kind) {
    case 'truncated':
      return payload.subarray(0, at);
    case 'garbage':
      return damage.bytes;
    case 'a flipped bit':
      return payload.map((byte, index) => (index === at ? byte ^ (1 << (damage.bytes.length % 8)) : byte));
    case 'an unknown field':
      return isJson
        ? addMember(payload, '"touchstoneUnknown": [1]')
        : Buffer.concat([payload, new BinaryWriter().tag(536_870_911, WireType.Varint).int32(1).finish()]);
    case 'a wrong type':
      return damageType(payload, damage, desc, isJson);
    case 'deeply nested JSON':
      return Buffer.from('['.repeat(NESTING) + ']'.repeat(NESTING));
    case 'JSON that is no object':
      return Buffer.from(['null', '[]', '"text"', '1e999', 'true'][damage.bytes.length % 5] ?? 'null');
    case 'a repeated member':
      return addMember(addMember(payload, '"touchstone": 1'), '"touchstone": 1');
    default:
      return payload;
  }
}

/** Returns a body of messages in envelopes, with a change of the envelopes. */
export function damageEnvelopes(payloads: readonly Uint8Array[], { kind }: BodyDamage): Uint8Array {
  const [first = new Uint8Array()] = payloads;
  switch (kind) {
    case 'no message':
      return new Uint8Array();
    case 'one message too many':
      return Buffer.concat([...payloads, first].map((payload) => envelope(payload)));
    case 'an envelope that is too long':
      return envelope(first, { length: first.length + 7 });
    case 'a compressed message without a compression':
      return envelope(first, { flags: COMPRESSED });
    default:
      return Buffer.concat(payloads.map((payload) => envelope(payload)));
  }
}

/** Returns a message in its envelope: a byte of flags and the length in four bytes. */
export function envelope(payload: Uint8Array, { flags = 0, length = payload.length } = {}): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, payload]);
}

function damageType(payload: Uint8Array, damage: BodyDamage, desc: DescMessage, isJson: boolean): Uint8Array {
  const field = desc.fields[Math.floor(damage.at * desc.fields.length)];
  if (isJson) {
    const wrong = ['{"a": [null]}', '[[1]]', '"\\u0000"', '-1.5e400', 'false'][damage.bytes.length % 5];
    return Buffer.from(`{${JSON.stringify(field?.jsonName ?? 'none')}: ${wrong}}`);
  }
  // Every type but fixed64 and double is a mismatch; for those a group end is.
  const writer = new BinaryWriter().tag(
    field?.number ?? 1,
    damage.bytes.length % 2 ? WireType.Bit64 : WireType.EndGroup,
  );
  return Buffer.concat([payload, writer.fixed64(1).finish()]);
}

function addMember(json: Uint8Array, member: string): Uint8Array {
  const text = Buffer.from(json).toString();
  if (!text.startsWith('{')) return json;
  return Buffer.from(text === '{}' ? `{${member}}` : `{${member}, ${text.slice(1)}`);
}
