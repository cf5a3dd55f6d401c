/** Texts of `flm db`. */
const counted =
  (one: string, many: string) =>
  (count: number): string =>
    `${count} ${count === 1 ? one : many}`;

export const db = {
  about: {
    db: 'databases: show, migrate and copy them, and make the key that encrypts their secrets',
    status: 'show the database in use, and whether it answers',
    migrate: 'update the database to the schema of this flm; commands and proxies do this too',
    copy: 'copy keys, policy, profiles, engines, aliases, shares, usage and audit to another database',
    key: 'the key that encrypts secrets in PostgreSQL',
    keyCreate: 'create a file with a new store key',
  },
  options: {
    from: (kinds: string): string => `database to read: ${kinds}`,
    to: (kinds: string): string => `database to write: ${kinds}`,
    replace: 'overwrite everything in a database that is not empty',
    file: 'file to create, readable for this user only',
  },
  rows: {
    store: 'store',
    database: 'database',
    server: 'server',
    encrypted: 'TLS',
    schema: 'schema',
    revision: 'last change',
    nodes: 'running proxies',
    latency: 'answers in',
    storeKey: 'store key',
    content: 'content',
  },
  stores: { sqlite: 'SQLite', postgres: 'PostgreSQL' },
  verified: 'verified',
  plain: 'off',
  empty: 'none yet; the first command creates it',
  older: (found: number, known: number): string => `${found}; flm updates it to ${known}`,
  storeKey: (id: string, file: string): string => `${id} in ${file}`,
  content: {
    profile: counted('profile', 'profiles'),
    api_key: counted('key', 'keys'),
    engine: counted('engine', 'engines'),
    model_alias: counted('alias', 'aliases'),
    share: counted('share', 'shares'),
    audit: counted('audit entry', 'audit entries'),
    refusal: counted('refused login', 'refused logins'),
    usage_hour: counted('row of usage by the hour', 'rows of usage by the hour'),
    usage_rollup: counted('row of usage by the day', 'rows of usage by the day'),
  },
  nothing: 'nothing',
  migrated: (database: string, from: number, to: number): string =>
    from === to
      ? `${database} is up to date (schema ${to}).`
      : `${database}: schema updated from ${from} to ${to}.`,
  copied: (content: string, from: string, to: string): string => `Copied ${content} from ${from} to ${to}.`,
  keyCreated: (id: string, file: string): string => `Created the store key ${id} in ${file}.`,
  keyNext:
    'Keep a copy in a safe place: without it, the secrets in the database are lost. Copy it to every node, and set FLM_STORE_KEY_FILE.',
  kind: (option: string, kinds: string): string => `--${option} is one of ${kinds}.`,
  same: 'Name two different databases.',
};
