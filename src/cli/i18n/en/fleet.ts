/** Texts of `flm proxy status --fleet`. */
export const fleet = {
  columns: {
    node: 'NODE',
    state: 'STATE',
    version: 'VERSION',
    endpoint: 'ENDPOINT',
    up: 'UP',
    now: 'NOW',
    requests: 'REQUESTS',
    engines: 'ENGINES',
    limits: 'LIMITS',
    changes: 'CHANGES',
  },
  states: { serving: 'serving', draining: 'draining' },
  silent: (time: string): string => `silent for ${time}`,
  now: (running: number, waiting: number): string =>
    waiting === 0 ? String(running) : `${running} (${waiting} ${waiting === 1 ? 'waits' : 'wait'})`,
  limits: { shared: 'shared', away: 'alone', returning: 'returning', own: 'own' },
  current: 'all applied',
  behind: (count: number): string => `${count} behind`,
  summary: (nodes: number, revision: number): string =>
    `${nodes === 1 ? '1 node' : `${nodes} nodes`}; the last change has number ${revision}.`,
  notWithProxy: 'Either name a proxy or give --fleet or --check, not several of them.',
};
