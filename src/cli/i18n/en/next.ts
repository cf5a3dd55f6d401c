/** Texts of `flm` without a command. */
export const next = {
  states: {
    starting: 'Starting',
    running: 'Running',
    draining: 'Draining',
    'not-answering': 'Not answering',
  },
  proxy: (state: string, url: string): string => `${state}: ${url}`,
  engines: (count: number): string => counted(count, 'engine'),
  models: (count: number): string => counted(count, 'model'),
  profile: (name: string): string => `profile ${name}`,
  reach: (reach: string): string => `for ${reach}`,
  details: (facts: string, id: string): string => `${facts} (${id})`,
  noProxy: 'No proxy is running.',
  keys: (count: number): string =>
    count === 0 ? 'No key exists yet.' : `${counted(count, 'key')} can be used.`,
  next: 'Next:',
  does: {
    createKey: 'make a key for a client',
    watch: 'see when the proxy is ready',
    cancel: 'cancel the start',
    help: 'everything else',
    up: 'find the engines, start a proxy and print how to use it',
    start: 'start a proxy in the background',
    chat: 'talk to a model through the proxy',
    connect: 'settings for Open WebUI, Codex, Claude Code, SDKs ...',
    tail: 'watch requests as they happen',
    stop: 'finish running requests, then stop',
  },
};

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
