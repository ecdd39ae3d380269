// The entry point @touchstone/rpc-server/port: only the port, for a server that answers simple calls itself. It does not load
// Connect.

export { ProtocolPort } from './protocol-port.ts';
export { findTlsMismatch } from './tls-mismatch.ts';
