/** Texts of `flm policy`. */
export const policy = {
  help: {
    policy: 'manage the rules for all keys: addresses, origins and rates',
    show: 'show the rules for all proxies; a profile may override parts',
    set: 'change rules; rules without a flag stay, a given list replaces the old list',
    export: 'print the rules as YAML, such as for git; `flm policy set --file FILE` reads it',
    schema: 'print the JSON Schema of a policy file, for editors',
    check: 'show what the policy decides for a request, and which rule decides',
  },
  options: {
    allowOrigin: 'origin of web pages that may call flm (CORS) (repeatable)',
    allowIp: 'client address or range to allow; without any, all are allowed (repeatable)',
    denyIp: 'client address or range to deny (repeatable)',
    trustedProxy: 'reverse proxy whose X-Forwarded-For is trusted (repeatable)',
    rpm: 'requests a minute of all keys together',
    rpmPerKey: 'requests a minute for each key without a rate of its own',
    rpmPerAddress: 'requests a minute for each client address',
    clear: (rules: string): string => `remove a rule: ${rules} (repeatable)`,
    file: 'replace the policy with this YAML or JSON file; - for standard input',
    yes: 'apply the policy even if it blocks your own address or every key',
  },
  checkOptions: {
    ip: 'address of the client',
    key: 'id or label of the key; without it, only the rules for all keys are checked',
    origin: 'origin of the web page',
    model: 'model of the request',
    endpoint: 'route of the request',
    profile: 'include the overrides of this profile',
  },
  columns: { rule: 'RULE', value: 'VALUE', before: 'BEFORE', after: 'AFTER' },
  noLimit: 'no limit',
  perMinute: (count: number): string => `${count} a minute`,
  none: 'none',
  setsAnyway: 'This sets the policy anyway.',
  applied: 'Running proxies apply this now.',
  unchanged: 'Nothing changed.',
  check: {
    passes: 'passes',
    /** `strong` marks the word that says the result. */
    refusedBy: (rule: string, strong: (word: string) => string): string => `${strong('refused')} by ${rule}`,
    allowed: 'Allowed.',
    allowedWithKey: 'Allowed with any valid key that may do this.',
    refused: (status: number | undefined, code: string, strong: (word: string) => string): string =>
      `${strong('Refused')} with ${status ?? ''} ${code}.`,
  },
  problems: {
    noRule: 'No rule was given to set.',
    fileAlone: '--file replaces the whole policy and cannot be combined with other flags.',
    endpoint: (routes: string): string => `--endpoint is one of ${routes}.`,
    ip: '--ip takes one IPv4 or IPv6 address.',
  },
};
