// The real payment service, with its database, broker and provider, verified against its consumers' contracts; a drifted one is
// reported by name.
import { Code } from '@connectrpc/connect';
import { type Verification, verifyProvider, type WireName } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ChargeStatus } from '#gen/shop/payment/v1/payment_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import {
  brokenInteractions,
  changeError,
  contractFile,
  type Drift,
  ERROR_DETAILS,
  startDriftProxy,
} from '../../support/contracts/contracts.ts';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { startVerifiedPayment, type VerifiedPayment } from './provider-states.ts';

const FILE = contractFile('OrderService', 'PaymentService');

const resources = new AsyncDisposableStack();
let payment: VerifiedPayment;

// One service for the file: every state is set up and undone.
beforeAll(async () => {
  payment = resources.use(await startVerifiedPayment());
});
afterAll(() => resources.disposeAsync());

async function verify(url: string, wires?: readonly WireName[]): Promise<Verification> {
  return await verifyProvider({
    headers: await headersOf('service', 'order'),
    contracts: FILE,
    provider: 'PaymentService',
    url,
    services: [PaymentService],
    types: ERROR_DETAILS,
    states: payment.states,
    ...(wires && { wires }),
  });
}

describe('payment', () => {
  it('honours every interaction of OrderService, in every protocol and HTTP version', async () => {
    const verification = await verify(payment.fixture.url);

    await keepVerification(FILE, 'calls', verification);
    verification.assertHonoured();
    expect(verification.interactions.every(({ checks }) => checks.length === 7)).toBe(true);
  });

  it('is not verified while a state of its consumers is missing', async () => {
    const { 'the payment provider is out of order': _missing, ...states } = payment.states;
    const { url } = payment.fixture;

    await expect(
      verifyProvider({ contracts: FILE, url, services: [PaymentService], types: ERROR_DETAILS, states }),
    ).rejects.toThrow(/there is no handler for\n {2}"the payment provider is out of order", for "[^"]+"$/);
  });

  it.each<{ drift: string; front: Drift<typeof PaymentService>; broken: string[]; reported: string }>([
    {
      drift: 'a decline that is reported as a failure',
      front: {
        processPayment: async (request, real) => {
          const { charge } = await real.processPayment(request);
          return { charge: { ...charge, status: charge?.status === ChargeStatus.DECLINED ? 0 : charge?.status } };
        },
      },
      broken: ['a charge of a card with insufficient funds, given the order has not been charged'],
      reported: 'charge.status\n      expected CHARGE_STATUS_DECLINED\n      actual   CHARGE_STATUS_UNSPECIFIED',
    },
    {
      drift: 'an error that no longer says when to come again',
      front: {
        refundPayment: (request, real) =>
          changeError(real.refundPayment(request), ({ code, details }) => [code, details.slice(0, 1)]),
      },
      broken: [
        'the refund of a charge while the provider is away, given the order has been charged and the payment provider is out of order',
      ],
      reported: `error.details[1]\n      expected a ${RetryInfoSchema.typeName}\n      actual   google.rpc.ErrorInfo`,
    },
    {
      drift: 'an outage that is reported as a refusal',
      front: {
        processPayment: (request, real) =>
          changeError(real.processPayment(request), ({ code, details }) => [
            code === Code.Unavailable ? Code.FailedPrecondition : code,
            details,
          ]),
      },
      broken: [
        'a charge while the provider is away, given the order has not been charged and the payment provider is out of order',
      ],
      reported: 'error.code\n      expected unavailable\n      actual   failed_precondition',
    },
  ])('that has drifted is reported by name: $drift', async ({ front, broken, reported }) => {
    await using drifted = await startDriftProxy(PaymentService, payment.fixture.client, front);
    const verification = await verify(drifted.url, ['gRPC, HTTP/2']);

    expect(brokenInteractions(verification)).toEqual(broken);
    expect(verification.toString()).toContain(reported);
  });
});
