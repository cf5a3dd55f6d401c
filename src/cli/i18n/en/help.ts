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
  /** Groups of the options that configure a proxy. */
  options: {
    others: 'Options:',
    listening: 'Listening:',
    engines: 'Engines:',
    responses: 'Responses:',
    observability: 'Observability:',
    https: 'HTTPS:',
    domain: 'HTTPS for your own domain (https-acme):',
  },
  summaries: {
    up: 'find engines, start a proxy, print a request to paste',
    chat: 'chat with a model through the proxy',
    connect: 'print or write the settings of a client',
    ui: 'open the dashboard in the browser',
    policy: 'rules for all keys: addresses, origins, rates',
    status: 'show what runs',
    doctor: 'find what is wrong, and how to fix it',
    requests: 'list running requests, or cancel one',
    usage: 'show requests and tokens over time',
    db: 'show, migrate and copy the database',
    retention: 'how long usage and the audit are kept',
    top: 'live view of engines and running requests',
    tail: 'watch requests as they end',
    explain: 'explain an error or a refused request',
    service: 'run a proxy at boot, as a service of the system',
    upgrade: 'hand running proxies over to the installed version',
    uninstall: 'take back what flm changed on this machine',
    completion: 'print a completion script for your shell',
    version: 'print the version',
  },
  description: 'A reverse proxy that puts one safe endpoint in front of your LLM engines.',
  version: 'output the version number',
  help: 'display help for command',
  /** The headings of commander, which are its own in English. */
  titles: {
    'Usage:': 'Usage:',
    'Arguments:': 'Arguments:',
    'Options:': 'Options:',
    'Commands:': 'Commands:',
  },
  /** The values of a flag or an argument, as commander writes them: `choices: "a", "b", default: "a"`. */
  values: (choices: string | undefined, byDefault: string | undefined): string =>
    [
      ...(choices === undefined ? [] : [`choices: ${choices}`]),
      ...(byDefault === undefined ? [] : [`default: ${byDefault}`]),
    ].join(', '),
  inBrackets: (text: string): string => ` (${text})`,
  example: 'Example:',
  json: 'print one JSON document',
  lang: (languages: string): string => `language: ${languages}; by default that of the locale`,
  more: 'Help on a command: flm COMMAND --help. Manual: man flm.',
};
