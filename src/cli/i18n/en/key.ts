/** Texts of `flm key`, and of the rules of keys, which `flm share` takes too. */
export const key = {
  columns: {
    label: 'LABEL',
    owner: 'OWNER',
    id: 'ID',
    key: 'KEY',
    state: 'STATE',
    scopes: 'SCOPES',
    expires: 'EXPIRES',
    lastUsed: 'LAST USED',
    limits: 'LIMITS',
  },
  none: 'There are no keys. Make one with `flm key create LABEL`.',
  noMatch: (all: number): string => `None of the ${all} keys matches.`,
  states: { active: 'active', paused: 'paused', expired: 'expired', revoked: 'revoked' },
  never: 'never',
  unknown: 'unknown',
  noLimits: 'none',
  lists: {
    models: (globs: string): string => `models ${globs}`,
    engines: (ids: string): string => `engines ${ids}`,
    endpoints: (routes: string): string => `endpoints ${routes}`,
    addresses: (addresses: string): string => `from ${addresses}`,
  },
  requestsPerMinute: (count: string, burst: string | undefined): string =>
    `${count} req/min${burst === undefined ? '' : `, burst ${burst}`}`,
  tokensPerMinute: (count: string): string => `${count} tok/min`,
  tokensPerDay: (count: string): string => `${count} tok/day`,
  concurrency: (count: string): string => `${count} at a time`,
  facts: {
    id: 'id',
    label: 'label',
    owner: 'owner',
    note: 'note',
    key: 'key',
    state: 'state',
    created: 'created',
    expires: 'expires',
    lastUsed: 'last used',
    scopes: 'scopes',
    limits: 'limits',
    used: 'used',
  },
  usedFrom: (when: string, address: string): string => `${when} from ${address}`,
  unknownUse: (problem: string): string => `The last use of keys is unknown: ${problem}`,
  advice: {
    expires: (name: string, at: string, id: string): string =>
      `${name} expires on ${at}; extend it: flm key set ${id} --expires 90d, or give it a new secret: flm key rotate ${id} --overlap 7d`,
    idle: (name: string, days: number, id: string): string =>
      `${name} was not used in ${days} days; revoke it: flm key revoke ${id}`,
    sharedLabel: (ids: string, label: string, first: string): string =>
      `${ids} have the same label ${label}; change one: flm key set ${first} --label LABEL`,
  },
  help: {
    key: 'create, change and revoke API keys',
    create: 'create a key and show its secret once',
    import:
      'create a key with an existing secret, read from standard input; or many new keys from a CSV file',
    list: 'list keys and their rules',
    show: 'show a key and how much of its limits is used',
    set: 'change a key; rules without a flag stay, a given list replaces the old list',
    pause: 'refuse a key until it is resumed; running responses finish',
    resume: 'accept a paused key again',
    rotate: 'create a new secret for a key and end the old one',
    revoke: 'revoke a key permanently and end its running responses',
    delete: 'delete a key; its usage is kept',
  },
  arguments: {
    label: 'name of the person or program that uses the key',
    labelOrFile: 'name of the person or program that uses the key; or a file with one key a line',
    key: 'id or label of the key',
  },
  options: {
    search: 'only keys with this text in their label, owner, id or first characters',
    owner: 'only keys of this owner',
    state: 'only keys in this state',
    csv: 'print a table for a spreadsheet, which `key import` reads',
    label: 'name of the person or program that uses the key',
    clear: (rules: string): string => `remove a rule: ${rules} (repeatable)`,
    overlap: 'how long the old secret still works, such as 1d; by default it ends immediately',
    yes: 'confirm without asking',
  },
  /** Flags of the rules. */
  rules: {
    owner: 'the person who answers for the key',
    note: 'a note for administrators',
    scope: 'inference (the default), engine:read, engine:admin, metrics, admin:read, admin (repeatable)',
    model: 'allow only this model; * matches any characters (repeatable)',
    engine: 'allow only this engine (repeatable)',
    endpoint: 'allow only this route, such as chat.completions (repeatable)',
    ip: 'allow only this client address, CIDR range or span (repeatable)',
    rpm: 'requests a minute',
    burst: 'requests that may come at once',
    tpm: 'tokens a minute',
    tokensPerDay: 'tokens a day (UTC), counted over all proxies',
    concurrency: 'requests in progress at a time, including queued ones',
    expires: 'expiry: 90d, 12h, or a date such as 2027-01-31',
  },
  csvColumns: (columns: string): string => `Columns of the CSV file: ${columns}. Only label is required.`,
  name: (id: string, label: string): string => `${id} (${label})`,
  created: (id: string, label: string): string =>
    `Key ${id} for ${label}. Save it now: it is shown only once.`,
  createdMany: (count: number): string =>
    `Created ${count === 1 ? '1 key' : `${count} keys`}. Save the secrets now: they are shown only once.`,
  imported: (id: string): string => `Imported as ${id}. Clients keep their secret.`,
  known: (name: string): string => `${name} already has this secret.`,
  rulesKept: (id: string): string =>
    `Its label and rules did not change; change them with \`flm key set ${id}\`.`,
  changed: (name: string): string => `Changed ${name}. Running proxies apply the change now.`,
  paused: (name: string, id: string): string =>
    `Paused ${name}. Running responses finish. End the pause: flm key resume ${id}`,
  resumed: (name: string): string => `Resumed ${name}. Running proxies accept it again.`,
  /** `proxies`: those that have it in memory only. */
  revoked: (name: string, proxies: string | undefined, isConfirmed: boolean): string => {
    const where = proxies === undefined ? '' : ` in the memory of ${proxies}`;
    return `Revoked ${name}${where}.${isConfirmed ? ' Running proxies refuse it now.' : ''}`;
  },
  notStored: (problem: string): string => `The revocation is not stored: ${problem}`,
  storedLater: (id: string): string =>
    `Each proxy stores it as soon as possible. If a proxy ends before that, run \`flm key revoke ${id}\` again.`,
  unreached: (proxies: string, first: string): string =>
    `${proxies} did not confirm it and may still accept the key; end it: flm proxy stop ${first}`,
  stillActive: (id: string, until: string | undefined): string =>
    `${id}, another secret of the same key, works${until === undefined ? '' : ` until ${until}`}; end it too: flm key revoke ${id}`,
  deletes: (name: string): string => `This deletes key ${name}.`,
  deleted: (id: string): string => `Deleted ${id}.`,
  /** The use of the limits now. */
  use: {
    tokensUnknown: 'tokens today: not known',
    tokensToday: (used: number, limit: number | null): string =>
      `${used}${limit === null ? '' : ` of ${limit}`} tokens today (UTC)`,
    inProgress: (running: number, limit: number | null): string =>
      `${running}${limit === null ? '' : ` of ${limit}`} in progress`,
    requests: (used: number, burst: number, perMinute: number, freeInSeconds: number): string =>
      `${used} of ${burst} requests at once, at ${perMinute} a minute${freeAgain(freeInSeconds)}`,
    tokens: (used: number, limit: number, freeInSeconds: number): string =>
      `${used} of ${limit} tokens a minute${freeAgain(freeInSeconds)}`,
    inProxy: (id: string, parts: readonly string[]): string => `${id}: ${parts.join('; ')}`,
    noProxy: 'No proxy runs, so the current use of the other limits is unknown.',
  },
  problems: {
    noSecret: 'No secret came on standard input; pipe or redirect it from a file.',
    rulesInColumns: 'With a CSV file, give the rules in its columns.',
    overlap: '--overlap takes a span such as 1d, 12h or 30m.',
    expires: '--expires takes a span such as 90d or 12h, or a date such as 2027-01-31.',
  },
};

function freeAgain(seconds: number): string {
  return seconds <= 0 ? '' : `, free again in ${seconds} s`;
}
