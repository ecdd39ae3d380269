// The certificate of this service and the authorities it trusts, from files that are replaced when they are renewed.
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, getCACertificates } from 'node:tls';
import { describeError } from '../base/errors.ts';
import { ConfigError } from '../base/settings.ts';
import type { Logger } from '../observability/log.ts';

const CHECK_PERIOD_MS = 5_000;

export type TlsPaths = { readonly cert: string; readonly key: string; readonly ca: string };

/** PEM: the certificate with its chain, its key, and the authorities whose certificates are accepted. */
export type TlsMaterial = { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };

export type TlsFiles = {
  readonly current: () => TlsMaterial;
  /** Calls `listener` with each renewed material. */
  readonly onRenewal: (listener: (material: TlsMaterial) => void) => void;
  /** Ends the watch. */
  readonly stop: () => void;
};

/**
 * Reads the files, and again within 5 s after they changed. A renewal that cannot be used, such as a new certificate whose key is not there yet, is
 * logged and tried again; the old one stays.
 *
 * @throws {ConfigError} naming the setting of a file that cannot be read, or saying that key and certificate do not belong together.
 */
export function openTlsFiles(paths: TlsPaths, log: Logger): TlsFiles {
  let state = stateOf(paths);
  let material = readMaterial(paths);
  const listeners: ((renewed: TlsMaterial) => void)[] = [];
  const check = (): void => {
    try {
      const latest = stateOf(paths);
      if (latest === state) return;
      material = readMaterial(paths);
      state = latest;
      for (const listener of listeners) listener(material);
      log.info('the certificate was renewed');
    } catch (error) {
      log.warn({ reason: describeError(error) }, 'the renewed certificate cannot be used yet');
    }
  };
  const watch = setInterval(check, CHECK_PERIOD_MS).unref();
  return {
    current: () => material,
    onRenewal: (listener) => listeners.push(listener),
    stop: () => clearInterval(watch),
  };
}

/** @throws {ConfigError} a file cannot be read, naming its setting, or they do not belong together. */
export function checkTlsFiles(paths: TlsPaths): void {
  readMaterial(paths);
}

function readMaterial(paths: TlsPaths): TlsMaterial {
  const material = {
    cert: readSetting('TLS_CERT_FILE', paths.cert),
    key: readSetting('TLS_KEY_FILE', paths.key),
    ca: readSetting('TLS_CA_FILE', paths.ca),
  };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new ConfigError(
      `TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE cannot be used together: ${describeError(error)}`,
      {
        cause: error,
      },
    );
  }
  return material;
}

function readSetting(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${name} cannot be read: ${describeError(error)}`, { cause: error });
  }
}

// Secrets that are mounted into a container are replaced by changing a link, so the file behind it is looked at.
function stateOf({ cert, key, ca }: TlsPaths): string {
  return [cert, key, ca]
    .map((path) => {
      const file = statSync(path, { throwIfNoEntry: false });
      return file === undefined ? 'none' : `${file.ino} ${file.mtimeMs} ${file.size}`;
    })
    .join(' ');
}

/** The authorities of servers that are not the platform's own, such as a mail server: those that Node knows, and our own. */
export function trustedAuthorities(files: TlsFiles): string[] {
  return [...getCACertificates('default'), files.current().ca.toString()];
}
