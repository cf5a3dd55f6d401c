/** Texts of `flm tail`. */
export const tail = {
  columns: {
    status: 'STATUS',
    time: 'TIME',
    key: 'KEY',
    model: 'MODEL',
    engine: 'ENGINE',
    client: 'CLIENT',
    first: 'FIRST',
    speed: 'TOK/S',
    took: 'TOOK',
    ending: 'ENDING',
  },
  queued: (time: string): string => `${time} in the queue`,
  /** Follows the code of an error. */
  byRule: (rule: string): string => ` (${rule})`,
  watching: (proxy: string): string => `Watching ${proxy}.`,
  empty: 'A request appears here when it ends. Try one: flm chat',
  ended: (proxy: string): string => `${proxy} has ended.`,
  endedWaiting: (proxy: string): string => `${proxy} has ended; waiting for its successor (Ctrl-C leaves).`,
  proxy: (id: string, profile: string, port: number): string => `${id} (profile ${profile}, port ${port})`,
  help: {
    tail: 'print one line per request as it ends, until Ctrl-C',
    after: 'With --json, each line is one JSON document.',
  },
  options: {
    proxy: 'id or profile; by default all running proxies',
    refused: 'show only refused requests, with the rule',
  },
};
