// The alert rules, checked by Prometheus itself; each rule has a case that raises it.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const RULES = fileURLToPath(new URL('../../../services/monitor/prometheus/alerts.yaml', import.meta.url));
const CONFIG = fileURLToPath(new URL('../../../services/monitor/prometheus/prometheus.yaml', import.meta.url));
const CASES = fileURLToPath(new URL('./alerts.promtool.yaml', import.meta.url));

const run = promisify(execFile);
const promtool = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'promtool'))
  .find((file) => existsSync(file));
const missing = 'promtool is not on the PATH (it comes with the package prometheus)';

describe('the alerts', () => {
  it('are a valid configuration of Prometheus', async ({ skip }) => {
    if (promtool === undefined) return skip(missing);
    const { stdout } = await run(promtool, ['check', 'config', CONFIG]);
    expect(stdout).toContain('SUCCESS: 15 rules found');
  });

  it('are raised by their cases, and silent otherwise', async ({ skip }) => {
    if (promtool === undefined) return skip(missing);
    const { stdout } = await run(promtool, ['test', 'rules', CASES]);
    expect(stdout).toContain('SUCCESS');
  });

  it('of a deployment with replicas is raised when one of two is missing for long', async ({ skip }) => {
    if (promtool === undefined) return skip(missing);
    const cases = fileURLToPath(new URL('./replicas.promtool.yaml', import.meta.url));
    const { stdout } = await run(promtool, ['test', 'rules', cases]);
    expect(stdout).toContain('SUCCESS');
  });

  it.for([
    { rule: 'JourneysFailFast', from: '> 14.4 * 0.01 and', to: '> 144 * 0.01 and' },
    { rule: 'JourneysFailSlowly', from: '> 6 * 0.01 and', to: '> 60 * 0.01 and' },
    { rule: 'JourneysDoNotRun', from: '[15m])) < 1', to: '[15m])) < 0' },
    { rule: 'CircuitBreakerOpen', from: '(circuit_breaker_state) > 0', to: '(circuit_breaker_state) > 1' },
  ])('the cases of $rule fail when its expression is $to', async ({ from, to, rule }, { skip }) => {
    if (promtool === undefined) return skip(missing);
    await using folder = await mkdtempDisposable(join(tmpdir(), 'alerts-'));
    const rules = await readFile(RULES, 'utf8');
    const mutated = join(folder.path, 'alerts.yaml');
    await writeFile(mutated, rules.replace(from, to));
    const cases = join(folder.path, 'cases.yaml');
    const [settings = '', ...groups] = (await readFile(CASES, 'utf8')).split(/^(?= {2}- name: )/m);
    const ofRule = groups.filter((group) => group.includes(`alertname: ${rule}`));
    await writeFile(cases, [settings.replace(/- .*alerts\.yaml/, `- ${mutated}`), ...ofRule].join(''));
    await expect(run(promtool, ['test', 'rules', cases])).rejects.toThrow(rule);
  });

  it('each have a case that raises them and one that does not', async () => {
    const alerts = [...(await readFile(RULES, 'utf8')).matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    const cases = await readFile(CASES, 'utf8');
    const raised = new Set([...cases.matchAll(/alertname: (\w+)\n +exp_alerts:\n/g)].map(([, name]) => name));
    const silent = new Set([...cases.matchAll(/alertname: (\w+), exp_alerts: \[\]/g)].map(([, name]) => name));
    expect(alerts.length).toBeGreaterThan(8);
    expect(alerts.filter((name) => !(raised.has(name) && silent.has(name)))).toEqual([]);
  });
});
