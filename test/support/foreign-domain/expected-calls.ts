// The calls of a driver and the answers of the garage: every kind of RPC, in every syntax of protobuf.
import { BAYS, GARAGE, LIFT, LIFTED, OWNERS, PERMIT, PERMIT_REQUEST } from './examples.ts';

export type ExpectedCall = {
  /** What it is, for a contract. */
  readonly what: string;
  /** The service and the RPC, such as `GarageService/GetGarage`. */
  readonly rpc: string;
  readonly requests: readonly object[];
  readonly replies: readonly object[];
};

const question = { text: "it's [open]?" };
const answer = { ...question, proof: { '@type': 'type.googleapis.com/garage.v1.Question', ...question } };

export const EXPECTED_CALLS: readonly ExpectedCall[] = [
  { what: 'a question', rpc: 'GarageService/GetGarage', requests: [{ garageId: 'g1' }], replies: [GARAGE] },
  { what: 'a change', rpc: 'GarageService/UpdateGarage', requests: [{ garage: GARAGE }], replies: [GARAGE] },
  ...OWNERS.map((owner) => ({
    what: `a change of ${Object.keys(owner)[0]}`,
    rpc: 'GarageService/UpdateGarage',
    requests: [{ garage: owner, updateMask: 'owner' }],
    replies: [owner],
  })),
  { what: 'the end of the day', rpc: 'GarageService/CloseForToday', requests: [{}], replies: [{}] },
  { what: 'a look at the bays', rpc: 'GarageService/WatchBays', requests: [{ atMost: 3 }], replies: BAYS },
  {
    what: 'two cars',
    rpc: 'GarageService/CountCars',
    requests: [{ plate: 'AB 1', weightGrams: '9007199254740993' }, {}],
    replies: [{ cars: '2', gramsByPlate: { 'AB 1': '9007199254740993', '': '0' } }],
  },
  { what: 'a talk', rpc: 'GarageService/TalkToGuard', requests: [question, question], replies: [answer, answer] },
  { what: 'a car at the barrier', rpc: 'BarrierService/Lift', requests: [LIFT], replies: [LIFTED] },
  { what: 'a look at the barrier', rpc: 'BarrierService/WatchBarrier', requests: [{}], replies: [LIFTED] },
  { what: 'cars at the barrier', rpc: 'BarrierService/LiftAll', requests: [LIFT, {}], replies: [LIFTED] },
  { what: 'a negotiation', rpc: 'BarrierService/Negotiate', requests: [LIFT, {}], replies: [LIFTED, LIFTED] },
  { what: 'a resident', rpc: 'PermitService/IssuePermit', requests: [PERMIT_REQUEST], replies: [PERMIT] },
  { what: 'a list', rpc: 'PermitService/ListPermits', requests: [{ plate: 'x' }], replies: [PERMIT] },
  {
    what: 'residents',
    rpc: 'PermitService/IssuePermits',
    requests: [PERMIT_REQUEST, { plate: '' }],
    replies: [PERMIT],
  },
  { what: 'renewals', rpc: 'PermitService/RenewPermits', requests: [PERMIT_REQUEST], replies: [PERMIT] },
];
