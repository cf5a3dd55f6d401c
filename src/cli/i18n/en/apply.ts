/** Texts of `flm apply` and `flm export`. */
export const apply = {
  summary: 'make the configuration as a file says',
  description:
    'Make keys, policy, profiles, engines and aliases as a file says. A section that the file leaves out stays. The same file again changes nothing.',
  options: {
    file: 'YAML or JSON file to apply; - for standard input',
    dryRun: 'show what would change, and change nothing',
    prune:
      'remove what an earlier file listed and this one does not, in the sections of this file; keys are revoked',
    yes: 'apply the policy even if it blocks your own address or every key',
    schema: 'print the JSON Schema of a file, for editors',
  },
  exportSummary: 'print the whole configuration as a file',
  exportDescription:
    'Print the whole configuration as a file for `flm apply`. Keys are printed by their digest, so the file holds no secret.',
  noFile: 'Name the file: flm apply -f FILE',
  columns: { kind: 'KIND', name: 'NAME', change: 'CHANGE' },
  kinds: { policy: 'policy', profile: 'profile', key: 'key', engine: 'engine', alias: 'alias' },
  changes: {
    create: (): string => 'created',
    change: (fields: string): string => `changed: ${fields}`,
    rotate: (): string => 'has a new secret; the old one is revoked',
    remove: (): string => 'removed',
    revoke: (): string => 'revoked',
  },
  planned: {
    create: (): string => 'would be created',
    change: (fields: string): string => `would change: ${fields}`,
    rotate: (): string => 'would get a new secret; the old one would be revoked',
    remove: (): string => 'would be removed',
    revoke: (): string => 'would be revoked',
  },
  unchanged: (count: number): string =>
    count === 1 ? '1 entry already matches the file.' : `${count} entries already match the file.`,
  nothing: 'Nothing changed.',
  nothingPlanned: 'Nothing would change.',
  warnings: {
    revoked: (label: string): string =>
      `Key ${label} was revoked and stays revoked. Give the entry a new secret, or remove it.`,
    rotated: (label: string): string =>
      `Key ${label} has a newer secret than the file, from flm key rotate. Put the new digest into the file: flm export`,
    expired: (label: string): string =>
      `Key ${label} has expired, so it was not created. Change expiresAt, or remove the entry.`,
  },
  keepsSettings: (id: string): string =>
    `${id} keeps running with its old settings; apply the new ones: \`flm proxy restart ${id}\``,
};
