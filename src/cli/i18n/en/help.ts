/** Headings of `flm --help`, and one line about each command where its description is longer. */
export const help = {
  groups: {
    start: 'Start:',
    access: 'Access:',
    engines: 'Engines:',
    observe: 'Observe:',
    https: 'HTTPS:',
    operate: 'Operate:',
    self: 'flm itself:',
  },
  summaries: {
    up: 'find engines, start a proxy, print a request to paste',
    chat: 'chat with a model through the proxy',
    connect: 'print or write the settings of a client',
    ui: 'open the dashboard in the browser',
    policy: 'rules for all keys: addresses, origins, rates',
    status: 'show what runs',
    requests: 'list running requests, or cancel one',
    tail: 'watch requests as they end',
    explain: 'explain an error or a refused request',
    service: 'run a proxy at boot, as a service of the system',
    upgrade: 'hand running proxies over to the installed version',
    uninstall: 'take back what flm changed on this machine',
    completion: 'print a completion script for your shell',
    version: 'print the version',
  } as Readonly<Record<string, string>>,
  more: 'Help on a command: flm COMMAND --help. Manual: man flm.',
};
