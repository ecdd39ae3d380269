// The options `--control` and `--control-host`: a second port, with which another process controls a virtual service.

import type { Command } from 'commander';
import { type Control, startControl } from '../../control/control-server.ts';
import type { VirtualService } from '../../virtual/virtual-service.ts';
import { listenAt, readPort } from './options.ts';
import type { Session } from './session.ts';
import { addControlTlsOptions, type ControlTlsOptions, controlTlsOf } from './tls-options.ts';

/** The control port of a command; `true` stands for a free port. */
export type ControlPortOptions = ControlTlsOptions & {
  readonly control?: number | true;
};

/** Adds `--control`, `--control-host` and the options of its TLS to a command. */
export function addControlOptions(command: Command): Command {
  const withPort = command
    .option(
      '--control [port]',
      'serve touchstone.kit.v1.StubControlService and FaultProxyService on this port; without a number on a free one',
      readPort,
    )
    .option(
      '--control-host <address>',
      'address of the control port, which lets every caller change stubs and faults and read calls',
      '127.0.0.1',
    );
  return addControlTlsOptions(withPort);
}

/**
 * Opens the control port, if there is to be one.
 *
 * @throws {OptionError} naming the option if the address is not available.
 */
export async function openControl(
  options: ControlPortOptions,
  service: VirtualService,
  session: Session,
): Promise<Control | undefined> {
  const { control, controlHost: host } = options;
  if (control === undefined) return undefined;
  const tls = await controlTlsOf(options, session);
  const port = control === true ? 0 : control;
  return await listenAt({ host, port }, () => startControl({ service, host, port, ...tls }), {
    host: '--control-host',
    port: '--control',
  });
}

/** Returns what a command says of its control port when it is ready. */
export function describeControl(control: Control | undefined): { readonly text: string; readonly json: object } {
  if (control === undefined) return { text: '', json: {} };
  return { text: `, control on ${control.url}`, json: { control: control.url, controlHost: control.host } };
}
