// The program behind `make imports`: checks every module of services, packages, local and test, and prints the violations and totals.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkModules } from './rules.ts';
import { scanModule } from './scan-module.ts';
import { importRuleSettings } from './settings.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const paths = globSync('{services,packages,local,test}/**/*.ts', { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !/(^|\/)(node_modules|gen|dist)\//.test(path))
  .sort();

const modules = paths.map((path) => scanModule(path, readFileSync(root + path, 'utf8')));
const violations = checkModules(modules, importRuleSettings);

for (const { rule, path, line, message } of violations) console.error(`${path}:${line} ${message} [${rule}]`);
const imports = modules.reduce((sum, module) => sum + module.imports.length, 0);
console.log(`${modules.length} modules, ${imports} imports, ${violations.length} refused`);
if (violations.length > 0) process.exitCode = 1;
