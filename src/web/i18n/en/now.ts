/** Texts of the page *Now*. Numbers that are texts are formatted already. */
const waits = (count: number): string => (count === 1 ? '1 waits' : `${count} wait`);

export const now = {
  title: 'Now',
  warnings: 'Warnings',
  warning: (profiles: readonly string[]): string =>
    profiles.length === 0 ? 'Warning:' : `Warning (${profiles.join(', ')}):`,
  running: 'Running requests',
  engines: 'Engines',
  proxies: 'Proxies',
  ended: 'Last requests',
  fleet: 'All nodes',
  fleetColumns: {
    node: 'Node',
    state: 'State',
    version: 'Version',
    endpoint: 'Endpoint',
    load: 'Requests',
    engines: 'Engines',
    limits: 'Limits',
    changes: 'Changes',
  },
  nodeStates: { serving: 'serving', draining: 'draining', silent: 'silent' },
  silentFor: (time: string): string => `no heartbeat for ${time}`,
  nodeEngines: (up: number, all: number): string => `${up} of ${all} up`,
  nodeLimits: {
    shared: 'counted for all nodes',
    away: 'counted by this node alone',
    returning: 'counted by this node alone, soon for all',
    own: 'of its own',
  },
  changesApplied: 'all applied',
  changesBehind: (count: number): string => `${count} behind`,
  search: 'Search running requests',
  noRequests: 'No request runs now. New ones appear here at once.',
  noEnded: 'No request has ended since the proxies started.',
  runningColumns: {
    key: 'Key',
    model: 'Model',
    engine: 'Engine',
    state: 'State',
    tokens: 'Tokens out',
    speed: 'Tokens/s',
    age: 'Age',
    actions: 'Actions',
  },
  endedColumns: {
    key: 'Key',
    model: 'Model',
    engine: 'Engine',
    result: 'Result',
    status: 'Status',
    tokens: 'Tokens',
    firstByte: 'First byte',
    duration: 'Duration',
    at: 'Ended',
  },
  states: {
    receiving: 'receiving its body',
    waiting: 'waiting',
    processing: 'processing the prompt',
    streaming: 'streaming',
  },
  place: (number: string): string => `(place ${number})`,
  cancel: 'End request',
  keep: 'Let it run',
  cancelOf: (label: string): string => `End request of ${label}`,
  cancelTitle: (label: string): string => `End the request of ${label}?`,
  cancelText: (model: string, tokens: string): string =>
    `Its client gets the error REQUEST_CANCELLED. Model ${model}; ${tokens} tokens so far, which count as usage.`,
  engineColumns: {
    engine: 'Engine',
    state: 'State',
    models: 'Models (loaded)',
    slots: 'Slots',
    queue: 'Queue',
    speed: 'Tokens/s',
  },
  engineStates: { running: 'running', degraded: 'degraded', down: 'down' },
  rank: {
    last: (reason: string): string => `ranks last: ${reason}`,
    returning: (reason: string): string => `gets one request at a time after it ranked last: ${reason}`,
    'last-for-keys': (reason: string): string => `ranks last for some keys: ${reason}`,
  },
  noEngines: 'flm knows no engine.',
  noEnginesHint: 'Start an engine such as Ollama, and look for it:',
  noneLoaded: (models: number): string => `none loaded, ${models} available`,
  andMore: (shown: string, more: number): string => `${shown} and ${more} more`,
  busy: (busy: number): string => (busy === 1 ? '1 request' : `${busy} requests`),
  slots: (busy: number, slots: number): string => `${busy} of ${slots}`,
  nobody: 'nobody waits',
  waiting: waits,
  proxyColumns: {
    proxy: 'Proxy',
    state: 'State',
    url: 'Base URL',
    reach: 'Who can reach it',
    requests: 'Requests',
    uptime: 'Runs for',
  },
  /** Who reaches a proxy, by the word of the API. */
  reaches: {
    'this machine': 'this machine',
    'this network': 'this network',
    'the internet': 'the internet',
  },
  proxyStates: {
    starting: 'starting',
    running: 'running',
    draining: 'draining',
    'not-answering': 'does not answer',
  },
  successor: (id: string): string => `replaced by ${id}`,
  proxyLoad: (running: number, queued: number, total: string): string =>
    `${running} now${queued === 0 ? '' : `, of which ${waits(queued)}`}, ${total} so far`,
  noProxies: 'No proxy runs.',
  noProxiesHint: 'Clients reach engines through a proxy. Start one:',
  enginesUp: (up: number, down: number): string => {
    const first = up === 0 ? 'No engine is up' : up === 1 ? '1 engine is up' : `${up} engines are up`;
    return down === 0 ? `${first}.` : `${first}, ${down} ${down === 1 ? 'is' : 'are'} down.`;
  },
  slotsBusy: (busy: number, slots: number): string => `${busy} of ${slots} slots busy.`,
  requestsRun: (count: number): string => {
    if (count === 0) return 'No request runs.';
    return count === 1 ? '1 request runs.' : `${count} requests run.`;
  },
  peopleWait: (count: number): string => (count === 0 ? 'Nobody waits.' : `${waits(count)}.`),
};
