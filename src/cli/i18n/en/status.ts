/** Texts of `flm proxy status`, and of a proxy in detail. */
export const status = {
  columns: {
    proxy: 'PROXY',
    state: 'STATE',
    profile: 'PROFILE',
    endpoint: 'ENDPOINT',
    up: 'UP',
    keys: 'KEYS',
    requests: 'REQUESTS',
    now: 'NOW',
    engines: 'ENGINES',
  },
  details: (profile: string): string => `Details: flm status ${profile}`,
  states: {
    starting: 'starting',
    running: 'running',
    draining: 'draining',
    'not-answering': 'not answering',
  },
  replacedBy: (id: string): string => `replaced by ${id}`,
  drainsFor: (id: string, successor: string): string =>
    `${id} is draining, replaced by ${successor}: it finishes its responses and then ends.`,
  engineNote: (said: string, note: string | undefined): string =>
    note === undefined ? `${said}.` : `${said}: ${note}`,
  engineState: (engine: string, state: string): string => `Engine ${engine} is ${state}`,
  engineRank: (engine: string, rank: string): string => `Engine ${engine} ${rank}`,
  facts: {
    endpoint: 'endpoint',
    network: 'network',
    dashboard: 'dashboard',
    reach: 'reach',
    certificate: 'certificate',
    keys: 'keys',
    requests: 'requests',
    engines: 'engines',
    limits: 'limits',
    database: 'database',
    telemetry: 'telemetry',
    process: 'process',
  },
  limitsShared: (nodes: number): string => `counted for all nodes (${nodes})`,
  telemetryTo: (endpoint: string, sent: string, dropped: string | undefined): string =>
    `sent to ${endpoint}, ${sent} spans so far${dropped === undefined ? '' : `, ${dropped} requests dropped`}`,
  limitsAlone: 'counted by this node alone',
  profile: (name: string): string => `profile ${name}`,
  process: (pid: number, version: string | undefined, up: string | undefined): string =>
    [`pid ${pid}`, version === undefined ? '' : `version ${version}`, up === undefined ? '' : `up ${up}`]
      .filter((part) => part !== '')
      .join(', '),
  requests: (total: string, now: number, waiting: string | undefined): string =>
    `${total} so far, ${now} now${waiting === undefined ? '' : `, of which ${waiting}`}`,
  waiting: (count: number): string => `${count} ${count === 1 ? 'waits' : 'wait'}`,
  slots: (taken: number, slots: number): string => `${taken} of ${slots} slots taken`,
  models: (count: number): string => (count === 1 ? '1 model' : `${count} models`),
  builtIn: 'built in',
  engineCount: (count: number, state: string): string => `${count} ${state}`,
  engineStates: { running: 'up', degraded: 'degraded', down: 'down' },
  ranks: {
    last: (reason: string): string => `ranks last: ${reason}`,
    returning: (reason: string): string => `gets one request at a time after it ranked last: ${reason}`,
    lastForKeys: (keys: string, more: number, reason: string): string =>
      `ranks last for ${keys}${more > 0 ? ` and ${more} more` : ''}: ${reason}`,
  },
  certificate: {
    names: (names: string): string => `for ${names}`,
    until: (at: string): string => `until ${at}`,
    expired: (at: string): string => `EXPIRED at ${at}`,
    renewed: (at: string): string => `renewed from ${at}`,
    suggested: (page: string): string =>
      page === '' ? 'the time that the CA suggests' : `the time that the CA suggests (${page})`,
    leftOut: (names: string): string => `not for ${names}: the local CA may certify only private addresses`,
    authority: (file: string): string =>
      `clients must trust its CA, ${file}: flm cert trust, flm cert trust --device`,
  },
};
