// The options of commands that connect to a NATS broker.

import { type Command, Option } from 'commander';
import { type Broker, type BrokerOptions, connectBroker } from './broker.ts';

/** The values of the options. */
export type BrokerFlags = {
  readonly nats: string;
  readonly natsUser?: string;
  readonly natsPassword?: string;
  readonly natsToken?: string;
  readonly natsCreds?: string;
  readonly natsCa?: string;
  readonly natsCert?: string;
  readonly natsKey?: string;
};

/** What these commands say of secrets in their help. */
export const SECRETS_HELP = `
Secrets are better given in the environment, where other users of the machine do not see them: NATS_PASSWORD, NATS_TOKEN, NATS_URL.`;

/** Adds the address of the broker and the credentials to a command. Each has a variable of the environment too. */
export function addBrokerOptions(command: Command): Command {
  const options: readonly (readonly [flags: string, text: string, variable: string])[] = [
    ['--nats-user <name>', 'user at the broker', 'NATS_USER'],
    ['--nats-password <text>', 'password of the user', 'NATS_PASSWORD'],
    ['--nats-token <text>', 'token for the broker', 'NATS_TOKEN'],
    ['--nats-creds <file>', 'credentials file, as nsc writes it', 'NATS_CREDS'],
    ['--nats-ca <file>', 'authority, in PEM, of the certificate of the broker; turns TLS on', 'NATS_CA'],
    ['--nats-cert <file>', 'client certificate in PEM', 'NATS_CERT'],
    ['--nats-key <file>', 'key of the client certificate in PEM', 'NATS_KEY'],
  ];
  command.addOption(new Option('--nats <url>', 'URL of the broker').default('nats://127.0.0.1:4222').env('NATS_URL'));
  for (const [flags, text, variable] of options) command.addOption(new Option(flags, text).env(variable));
  return command;
}

/** Connects to the broker that the options name. @throws {BrokerError} if it cannot be reached, or refuses the credentials. */
export function openBroker(flags: BrokerFlags): Promise<Broker> {
  return connectBroker(toBrokerOptions(flags));
}

/** Returns what the options say about the connection. */
export function toBrokerOptions(flags: BrokerFlags): BrokerOptions {
  const { nats: url, natsUser, natsPassword, natsToken, natsCreds, natsCa, natsCert, natsKey } = flags;
  const usesTls = natsCa !== undefined || natsCert !== undefined;
  return {
    url,
    ...(natsUser !== undefined && { user: natsUser }),
    ...(natsPassword !== undefined && { password: natsPassword }),
    ...(natsToken !== undefined && { token: natsToken }),
    ...(natsCreds !== undefined && { credentialsFile: natsCreds }),
    ...(usesTls && {
      tls: {
        ...(natsCa !== undefined && { caFile: natsCa }),
        ...(natsCert !== undefined && { certFile: natsCert }),
        ...(natsKey !== undefined && { keyFile: natsKey }),
      },
    }),
  };
}
