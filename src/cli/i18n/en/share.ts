/** Texts of `flm share`. */
export const share = {
  made: (id: string, label: string): string => `Share ${id} for ${label}.`,
  mayUse: (limits: string): string => `Its key: ${limits}.`,
  noLimits: 'no limits',
  trustStep: '1. On a device that does not trust the local CA yet, open',
  fingerprint: 'and compare the fingerprint (SHA-256):',
  linkStep: '2. Then open this link, which is secret',
  linkAlone: 'Send this link to one person',
  otherAddresses: 'Other addresses:',
  once: (until: string, id: string): string =>
    `The link works once, until ${until}. The first person to open it gets the key. Withdraw it: flm share revoke ${id}`,
  onlyThisMachine:
    'The proxy listens on this machine only, so the link works only here. For others, stop the proxy and start it with --mode dev-selfsigned --bind 0.0.0.0.',
  needsTrust: 'A device that does not trust the local CA yet needs `flm cert trust --device` first.',
  waiting: 'Waiting for the link to be opened (Ctrl-C leaves; the link continues to work) ...',
  waitingForAnswer: 'Waiting for its first answer ...',
  keyMade: 'The key was made',
  keyMadeFor: (key: string, address: string): string => `${key}, for ${address}.`,
  testWorks: 'The test works',
  over: (state: string): string => `Nobody redeemed the share; it is ${state}.`,
  deleted: 'deleted',
  none: 'There are no shares. Make one with `flm share LABEL`.',
  revoked: (id: string, label: string): string => `Revoked ${id} (${label}).`,
  hadExpired: (id: string, label: string): string => `${id} (${label}) had expired already.`,
  columns: {
    label: 'LABEL',
    id: 'ID',
    state: 'STATE',
    when: 'WHEN',
    key: 'KEY',
    madeBy: 'MADE BY',
    limits: 'LIMITS',
  },
  states: { open: 'open', redeemed: 'redeemed', expired: 'expired', revoked: 'revoked' },
  ends: (when: string): string => `ends ${when}`,
  help: {
    share: 'make a link that gives a friend a key, once',
    after:
      'Without --no-wait and with --json, a second document describes the key, and a third its first request.',
    list: 'list shares and their state',
    revoke: 'withdraw a link that was not used yet',
  },
  arguments: {
    label: 'name of the person or program that will use the key',
    share: 'id of the share, or label of its key',
  },
  options: {
    for: 'how long the link works, such as 2h or 7d; at most 30d',
    proxy: 'id or profile; optional if only one proxy runs',
    url: 'address under which the friend reaches the proxy, such as https://ai.example.org',
    noWait: 'print the link and do not wait until it is used',
  },
  problems: {
    for: '--for takes a span such as 24h, 30m or 7d.',
    url: '--url takes an HTTPS address without a path, such as https://ai.example.org.',
  },
};
