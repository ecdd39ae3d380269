// The entry point @touchstone/rpc-server: everything that a program which serves RPCs may import.

export { findClientCertificate } from './client-certificate.ts';
export { ServerReflection } from './gen/grpc/reflection/v1/reflection_pb.ts';
export { ServerReflection as ServerReflectionV1Alpha } from './gen/grpc/reflection/v1alpha/reflection_pb.ts';
export { HealthService, ServingStatus } from './introspection/health.ts';
export { HealthRegistry } from './introspection/health-registry.ts';
export type { LimitName } from './limits/limit-error.ts';
export { createHostCheck, createOriginCheck } from './limits/request-origin.ts';
export type { HttpHandler, RpcServerOptions, TlsOptions } from './options.ts';
export type { ListeningAddress } from './protocol-port.ts';
export type { RpcHandler } from './rpc-handler.ts';
export { createRpcHandler } from './rpc-handler.ts';
export type { RpcServer, StopOptions } from './rpc-server.ts';
export { createRpcServer } from './rpc-server.ts';
