/** Obtains a certificate and is killed the moment it would save it: KILLED holds folder, domains, and the ACME server. */
import process from 'node:process';
import { systemClock } from '../../src/core/clock.ts';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import { AcmeSource } from '../../src/tls/acme/acme-source.ts';
import { DnsHook } from '../../src/tls/acme/dns-hook.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';

class Killed extends CertificateStore {
  override write(): Promise<void> {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  }
}

const { folder, domains, pebble } = JSON.parse(process.env.KILLED ?? '') as {
  readonly folder: string;
  readonly domains: readonly string[];
  readonly pebble: { readonly directory: string; readonly caFile: string; readonly dnsHook: string };
};
const { acme } = parseProxyConfig({
  mode: 'https-acme',
  domains: [...domains],
  acme: { directory: pebble.directory, caFile: pebble.caFile, acceptTerms: true, dnsHook: pebble.dnsHook },
});
const hook = new DnsHook({ command: pebble.dnsHook, clock: systemClock, env: process.env, print: () => {} });
const source = await AcmeSource.open({
  ...{ store: new Killed(folder, systemClock), clock: systemClock, random: Math.random },
  ...{ domains, acme, agentName: 'flm/test' },
  provers: [hook],
  challenge: () => undefined,
  readSecret: () => undefined,
  tell: () => {},
});
// As a listener would, for timers do not.
setInterval(() => {}, 60_000);
await source.ready(new AbortController().signal);
