// Part of `make lint`: refuses a method of the contract that does not declare who may call it.
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DescService } from '@bufbuild/protobuf';
import { accessOf } from '#services/platform/server/access-policy.ts';

const GENERATED = fileURLToPath(new URL('../../../gen/shop/', import.meta.url));

const files = globSync('**/*_service_pb.ts', { cwd: GENERATED });
const modules = await Promise.all(files.map((file) => import(pathToFileURL(`${GENERATED}${file}`).href)));
const services = modules.flatMap((module) => Object.values(module)).filter(isService);
const methods = services.flatMap((service) => service.methods);
const undeclared = methods.filter((method) => {
  const access = accessOf(method);
  return access === undefined || access.roles.length + access.services.length === 0;
});
for (const { parent, name } of undeclared) {
  process.stderr.write(`${parent.typeName}/${name} does not declare (shop.access.v1.access): no caller may call it\n`);
}
process.stdout.write(`${methods.length} methods, ${undeclared.length} without declared access\n`);
if (undeclared.length > 0 || methods.length === 0) process.exitCode = 1;

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'service';
}
