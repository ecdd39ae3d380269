// The certificates of the local stack with TLS=on: an authority that stays, and a new certificate for each process at every start.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certified, createAuthority, issueCertificate } from './certificate-authority.ts';

export type CertificatePaths = { readonly cert: string; readonly key: string; readonly ca: string };

/** Path of the authority's certificate, for clients: `curl --cacert`. */
export function authorityFile(dataDir: string): string {
  return join(dataDir, 'identity', 'ca.pem');
}

/** The paths of a process's certificate. */
export function certificatePaths(dataDir: string, name: string): CertificatePaths {
  const folder = join(dataDir, 'identity');
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`), ca: authorityFile(dataDir) };
}

/**
 * Writes the certificates of processes, signed by the stack's authority, which the first call creates.
 * @param hosts Names and addresses that the processes are called by, in addition to those of this machine.
 * @param holders The name of each process; `uri` for one that calls services.
 */
export async function provideCertificates(
  dataDir: string,
  hosts: readonly string[],
  holders: readonly { readonly name: string; readonly uri?: string }[],
): Promise<void> {
  await mkdir(join(dataDir, 'identity'), { recursive: true, mode: 0o700 });
  const authority = await readAuthority(dataDir);
  for (const { name, uri } of holders) {
    const { cert, key } = certificatePaths(dataDir, name);
    const certified = issueCertificate(authority, {
      name,
      hosts: [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])],
      ...(uri === undefined ? {} : { uri }),
    });
    await writeFile(cert, certified.cert, { mode: 0o600 });
    await writeFile(key, certified.key, { mode: 0o600 });
  }
}

async function readAuthority(dataDir: string): Promise<Certified> {
  const certFile = authorityFile(dataDir);
  const keyFile = join(dataDir, 'identity', 'ca-key.pem');
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    const authority = createAuthority('the local stack');
    await writeFile(keyFile, authority.key, { mode: 0o600 });
    await writeFile(certFile, authority.cert, { mode: 0o644 });
  }
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

/** Reads the certificate that a process of the stack is given by its settings; undefined without. */
export function readServerCertificate(settings: {
  readonly TLS_CERT_FILE?: string | undefined;
  readonly TLS_KEY_FILE?: string | undefined;
}): { cert: Buffer; key: Buffer } | undefined {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = settings;
  return cert === undefined || key === undefined ? undefined : { cert: readFileSync(cert), key: readFileSync(key) };
}
