/** Texts of `flm up`. */
export const up = {
  first: {
    already: (id: string): string => `flm is up already (${id}).`,
    detached: (id: string): string => `flm is up, in the background (${id}).`,
    foreground: (): string => 'flm is up.',
  },
  last: {
    already: 'flm proxy stop ends it',
    detached: 'flm proxy stop ends it',
    foreground: 'Ctrl-C stops it',
  },
  facts: {
    endpoint: 'endpoint',
    models: 'models',
    network: 'network',
    reach: 'reach',
    certificate: 'certificate',
    telemetry: 'telemetry',
    key: 'API key',
  },
  newKey: 'Your API key, shown only this once. Keep it:',
  existingKey: 'one of your existing keys; flm up --new-key makes a new one',
  tryIt: { here: 'Try it:', elsewhere: 'Try it in another terminal:' },
  next: (last: string): string => `Next: flm chat, flm connect, flm key create LABEL. ${last}.`,
  noModels: 'none yet',
  models: (names: string, more: number): string =>
    `${names}${more > 0 ? `, and ${more} more (flm model list)` : ''}`,
  stopped: 'Stopped.',
  byDefault: 'by default',
  differs: (has: string, profile: string, flags: string): string =>
    `The running proxy has other settings than these flags (${has}). Apply the flags: flm proxy restart ${profile} ${flags}`,
  noAnswer: (reason: string): string => `The proxy ${reason}.`,
  exposed: (ids: string): string =>
    `Others can use these engines without flm: ${ids}. What they see, and how to close it: flm doctor`,
  clientCertificate: (file: string): string =>
    `Only clients with a certificate of ${file} can connect, so flm sent no test request.`,
  help: 'find engines, start a proxy, create a key, and print a request to paste',
  arguments: { profile: 'saved profile' },
  options: {
    detach: 'run the proxy in the background',
    newKey: 'create another key even if one exists',
  },
};
