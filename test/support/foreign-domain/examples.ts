// Messages of the garage in proto3 JSON, as a team without generated code writes them.

/** A garage with a value in every field. */
export const GARAGE = {
  garageId: 'g1',
  nickname: '',
  area: '-9007199254740993',
  smallest: 'SIZE_UNSPECIFIED',
  size: 'SIZE_LARGE',
  sizes: ['SIZE_SMALL', 'SIZE_UNSPECIFIED', 'SIZE_LARGE'],
  depths: [-3, 0],
  prices: [0.5, 'NaN', 'Infinity', '-Infinity', -0.25],
  keys: ['AAE=', ''],
  levels: [{ lane: { size: 'SIZE_SMALL', below: [{ name: 'cellar' }] }, name: '' }, {}],
  byInt32: { '-1': 'a', '2147483647': 'b' },
  byInt64: { '-9223372036854775808': 'SIZE_LARGE', '9007199254740993': 'SIZE_UNSPECIFIED' },
  byUint32: { '4294967295': 'AQ==' },
  byUint64: { '18446744073709551615': '18446744073709551615' },
  bySint32: { '-2': -0.5 },
  bySint64: { '-3': { name: 'attic' } },
  byFixed32: { '7': true, '8': false },
  byFixed64: { '9': 1.5 },
  bySfixed32: { '-4': '2026-01-02T03:04:05.000000006Z' },
  bySfixed64: { '-5': { '@type': 'type.googleapis.com/garage.v1.Car', plate: 'AB 1' } },
  byBool: { true: { a: 1 }, false: {} },
  byString: { '': '1', "it's": '2', 'a]["b': '3', 'a.b': '4', __proto__x: '5' },
  driver: { plate: 'AB 1', weightGrams: '1500000' },
  extra: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1.500s' },
  extras: [
    { '@type': 'type.googleapis.com/garage.v1.Bay', number: 3, car: { plate: 'AB 1' } },
    {
      '@type': 'type.googleapis.com/garage.v1.Refusal',
      about: { '@type': 'type.googleapis.com/garage.v1.Car', plate: 'deep' },
    },
  ],
  labels: { open: true, floors: [1, 'two', null, { three: 3 }] },
  anything: null,
  list: [1, [], 'x'],
  openedAt: '1969-12-31T23:59:59.999999999Z',
  grace: '-0.500s',
  fields: 'garageId,owner.plate',
  nothing: {},
  doubleValue: 0,
  floatValue: 1.5,
  int64Value: '9007199254740993',
  uint64Value: '18446744073709551615',
  int32Value: 0,
  uint32Value: 1,
  boolValue: false,
  stringValue: '',
  bytesValue: 'AAE=',
  names: ['', 'x'],
  '@odd name': 'renamed',
  constructor: 'built in 1969',
  toString: 'a text',
  share: 0.1,
  serial: '18446744073709551615',
  serialFixed: '9007199254740993',
};

/** The same but for the field of the oneof `owner`, one for each of its fields. */
export const OWNERS: readonly object[] = [
  { company: '' },
  { ownerSize: 'SIZE_UNSPECIFIED' },
  { unowned: null },
  { seal: '' },
  { anybody: { a: [null] } },
  { title: '' },
];

export const BAYS = [{ number: 1, car: { plate: 'AB 1' } }, { number: 2, isBlocked: false }, { number: 3 }];

export const LIFT = {
  barrier: 0,
  attempts: 2,
  lane: 'LANE_LEFT',
  arm: { centimetres: 0, next: {} },
  spareArms: [{}, { centimetres: 250 }],
  lanes: ['LANE_RIGHT', 'LANE_LEFT'],
};

export const LIFTED = {
  isOpen: false,
  ticket: '9007199254740993',
  lane: 'LANE_RIGHT',
  arm: { next: { centimetres: 3 } },
  arms: { '-1': {}, '2': { centimetres: 2 } },
  broken: {},
  guard: '',
};

export const PERMIT_REQUEST = {
  plate: '',
  days: 30,
  passenger: [{ name: 'Ada' }, { name: '' }],
};

/** Extensions of it. Contracts and stubs cannot speak of them, services send them all the same. */
export const VOUCHER = { '[garage.v1.voucher]': 'v1' };

export const PERMIT = {
  permitId: '9007199254740993',
  holder: { name: '', deputy: { name: 'Eve' } },
  zone: 'ZONE_NORTH',
  hours: [1, -1],
  stamp: { ink: 'AAE=' },
  holders: { a: { name: 'Ada' } },
};

export const FINES = {
  '[garage.v1.fines]': ['1', '9007199254740993'],
  '[garage.v1.guarantor]': { name: 'Bob' },
};

export const CAR_ADMITTED = {
  car: { plate: 'AB 1', weightGrams: '9007199254740993' },
  bays: { '-1': 'SIZE_LARGE' },
  ticket: { '@type': 'type.googleapis.com/garage.v1.Car', plate: 'AB 1' },
};
