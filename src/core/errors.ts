/**
 * The one error table of flm and the classes that carry its codes.
 *
 * Each row has the texts for people (`text`, `hint`), the response to clients (HTTP status, API type and code), the
 * exit status, the retry class and the log level. A code without a complete row does not compile. Public text is made
 * only from the row and from `params`, never from a cause. Errors are distinguished by class and code, never by
 * message. `docs/errors.md` is generated from this table; a test fails when the two differ.
 */

/**
 * Whether a failed attempt may be retried:
 * - `never-sent`: no byte of the request was sent; a retry is safe, also on another engine
 * - `maybe-sent`: the engine may have received the request; never retried
 * - `answered`: the engine responded; its response decides
 * - `client-gone`: the client has disconnected and cannot receive a response
 */
export const retryClasses = ['never-sent', 'maybe-sent', 'answered', 'client-gone'] as const;
export type RetryClass = (typeof retryClasses)[number];

/** The least serious first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** 0 done, 1 the user can fix it, 2 flm or the machine failed. */
export type ExitStatus = 0 | 1 | 2;

export interface ErrorRow {
  /** One sentence that says what happened; `{name}` is replaced by the parameter of that name. */
  readonly text: string;
  /** One sentence that says what to do next. */
  readonly hint: string;
  /** The HTTP status that the client receives. */
  readonly status: number;
  /** OpenAI's `code` for this case, or null if OpenAI has none. Users of SDKs test this value. */
  readonly apiCode: string | null;
  readonly exit: ExitStatus;
  readonly retry: RetryClass;
  readonly level: LogLevel;
}

const user = { status: 500, apiCode: null, exit: 1, retry: 'never-sent', level: 'error' } as const;
const machine = { status: 500, apiCode: null, exit: 2, retry: 'never-sent', level: 'error' } as const;
const refused = { apiCode: null, exit: 1, retry: 'answered', level: 'info' } as const;
const engine = { apiCode: null, exit: 1, retry: 'maybe-sent', level: 'warn' } as const;

export const errorTable = {
  // --- starting, stopping and finding a proxy
  PROXY_INVALID_CONFIG: {
    ...user,
    status: 422,
    text: 'The configuration is not valid: {faults}',
    hint: 'Fix these fields and start again.',
  },
  PROXY_PORT_IN_USE: {
    ...user,
    status: 409,
    text: 'Port {port} on {address} is already in use{holder}.',
    hint: 'Choose another port with --port N (0 selects a free port), or stop the program that uses this port.',
  },
  PROXY_PORT_FORBIDDEN: {
    ...user,
    text: 'This user may not listen on port {port}.',
    hint: 'Choose a port from 1024 up with --port N. Or allow low ports: AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, or for all users `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`.',
  },
  PROXY_ADDRESS_UNAVAILABLE: {
    ...user,
    text: 'This machine has no address {address}.',
    hint: 'Give --bind an address of this machine (`ip addr` or `ifconfig` shows them), or leave it out.',
  },
  PROXY_ALREADY_RUNNING: {
    ...user,
    status: 409,
    text: 'Profile {profile} is already {state} as {id} on {url}.',
    hint: 'Stop it with `flm proxy stop {id}`, or restart it with `flm proxy restart {id}`.',
  },
  PROXY_NOT_RUNNING: {
    ...user,
    status: 404,
    text: 'No proxy is running{which}.',
    hint: 'List the running proxies with `flm proxy status`, or start one with `flm proxy start`.',
  },
  FLEET_NONE: {
    ...user,
    text: 'This flm shares no database with other machines.',
    hint: 'Run `flm status` for this machine. To add machines, set FLM_DATABASE_URL (docs/fleet.md).',
  },
  PROXY_STARTING: {
    ...user,
    status: 409,
    text: 'The proxy {id} (profile {profile}) is still starting.',
    hint: 'Wait until `flm proxy status` shows it as running, or stop it with `flm proxy stop {id}`.',
  },
  PROXY_AMBIGUOUS: {
    ...user,
    status: 409,
    text: 'Several proxies are running: {which}.',
    hint: 'Name one proxy by id or profile, or use --all.',
  },
  PROXY_START_FAILED: {
    ...machine,
    status: 503,
    text: 'The proxy ended before it answered: {reason}.',
    hint: 'Read the log: `flm proxy logs`.',
  },
  PROXY_START_TIMEOUT: {
    ...machine,
    status: 503,
    text: 'The proxy did not answer on its listener within {seconds} s, so it was ended.',
    hint: 'Read the log: `flm proxy logs`.',
  },
  PROXY_CONTROL_UNREACHABLE: {
    ...machine,
    status: 503,
    text: 'The control socket of {id} does not answer.',
    hint: 'The process may hang. End it with `kill {pid}`, then start the proxy again.',
  },
  PROXY_HAND_OVER_FAILED: {
    ...machine,
    status: 503,
    text: 'The new process did not take over, so {id} continues to serve: {reason}.',
    hint: 'Read the log with `flm proxy logs {profile}`, then restart again.',
  },
  PROXY_HAND_OVER_TIMEOUT: {
    ...machine,
    status: 503,
    text: 'The new process was not ready within {seconds} s and was ended, so {id} continues to serve.',
    hint: 'Read the log with `flm proxy logs {profile}`, then restart again.',
  },
  PROXY_RESTARTING: {
    ...user,
    status: 409,
    text: 'A new process is already replacing the proxy {id}.',
    hint: 'Wait until that restart has finished. `flm proxy status` shows its progress.',
  },
  PROXY_DRAINING: {
    ...user,
    status: 409,
    text: 'The proxy {id} is shutting down and cannot be restarted.',
    hint: 'List the running proxies with `flm proxy status`. End this one with `flm proxy stop {id}`.',
  },
  PROXY_SUPERVISED: {
    ...user,
    status: 409,
    text: '{supervisor} runs the proxy {id}, so flm does not replace its process.',
    hint: 'Restart it with `{command}`.',
  },
  PROXY_ADDRESS_OVERLAPS: {
    ...user,
    status: 409,
    text: 'The new address {address} overlaps {old}, on which {id} listens with the same port, so both processes cannot listen at once.',
    hint: 'Stop it with `flm proxy stop {id}` and start it again with these flags (no connections are accepted in between), or choose another --port.',
  },
  PROXY_IN_FOREGROUND: {
    ...user,
    status: 409,
    text: 'The proxy {id} runs in the foreground (pid {pid}), so no background process can replace it.',
    hint: 'Stop it with Ctrl-C or `flm proxy stop {id}`, then run it again. A proxy from `flm proxy start` can be restarted.',
  },
  PROXY_CERT_FAILED: {
    ...user,
    text: 'No usable certificate: {reason}',
    hint: '{fix} See `flm cert show`.',
  },
  PROXY_ACME_FAILED: {
    ...user,
    text: 'No certificate from the ACME server: {reason}.',
    hint: '{fix} See `flm proxy logs`.',
  },
  PROFILE_NOT_FOUND: {
    ...user,
    status: 404,
    text: 'There is no profile named {profile}{near}.',
    hint: 'List the profiles with `flm profile list`, or save one with `flm profile save NAME`.',
  },
  APPLY_INVALID: {
    ...user,
    status: 422,
    text: 'The configuration file is not valid: {faults}',
    hint: 'Fix these fields and apply the file again. Nothing was changed.',
  },
  PROFILE_INVALID: {
    ...user,
    status: 422,
    text: 'The profile is not valid: {faults}',
    hint: 'Fix these fields and try again. Nothing was saved.',
  },

  PROXY_SOCKETS_UNUSABLE: {
    ...user,
    text: 'The listening sockets that systemd passed cannot be used: {reason}.',
    hint: 'Pass TCP sockets only: one `ListenStream=ADDRESS:PORT` for each address, without `Accept=yes`.',
  },
  PROXY_SOCKETS_MISMATCH: {
    ...user,
    text: 'systemd passed listening sockets for {passed}, and profile {profile} listens on {wanted}.',
    hint: 'Write these lines into the socket unit: {lines}. Or change the profile: `flm profile save {profile} --bind ADDRESS --port N`.',
  },

  // --- the service of the operating system
  SERVICE_UNSUPPORTED: { ...user, text: 'flm cannot install a service here: {reason}.', hint: '{instead}' },
  SERVICE_NEEDS_ROOT: {
    ...user,
    text: 'Only root may change the system service {unit}.',
    hint: 'Run the command again with sudo, or use a service of your own user: `flm service install --user`.',
  },
  SERVICE_NO_USER_MANAGER: {
    ...user,
    text: 'There is no systemd user manager for {user}: {reason}.',
    hint: 'Log in as this user (not by su or sudo), or install a system service: `sudo flm service install`.',
  },
  SERVICE_NOT_INSTALLED: {
    ...user,
    text: 'There is no {kind}service {unit}.',
    hint: 'Install it with `flm service install`, for the whole machine with `sudo flm service install`.',
  },
  SERVICE_UNIT_DIFFERS: {
    ...user,
    text: 'The unit {file} is there already and is not the one that would be written: {reason}.',
    hint: 'Add --replace to overwrite it. With systemd, changes of your own belong into a drop-in: `systemctl edit {unit}`.',
  },
  SERVICE_UNIT_PACKAGED: {
    ...user,
    text: 'The unit {file} belongs to an installed package.',
    hint: 'Start it at boot with `sudo systemctl enable --now {unit}`; the package manager removes it (`sudo apt remove flm-proxy`).',
  },
  SERVICE_FOLDER_UNFIT: {
    ...user,
    text: 'The data folder {folder} cannot be used by the service: {reason}.',
    hint: 'Name an empty folder with FLM_HOME, or the owner of this one with --account NAME. If it holds nothing but data of flm, give it to the service: `sudo chown -R {account}: {path} && sudo chmod 700 {path}`.',
  },
  SERVICE_ACCOUNT_UNFIT: {
    ...user,
    text: 'The service cannot run as the user {account}: {reason}.',
    hint: 'Name another system user with --account NAME; flm creates the user if it does not exist.',
  },
  SERVICE_PROGRAM_UNREADABLE: {
    ...user,
    text: 'A system service cannot run this flm: {path} {reason}.',
    hint: 'Install flm for all users, for example with `sudo npm install -g flm-proxy`, or use a service of your own user: `flm service install --user`.',
  },
  SERVICE_PROXY_RUNNING: {
    ...user,
    text: 'These proxies run and are in the way: {proxies}.',
    hint: 'Add --stop to let flm stop them (running responses finish), or stop them yourself: `flm proxy stop`.',
  },
  SERVICE_STEP_FAILED: {
    ...machine,
    text: 'The service was not changed completely: {command} failed: {reason}.',
    hint: 'Fix that and run the command again, or take everything back with `flm service uninstall`.',
  },
  SERVICE_START_FAILED: {
    ...machine,
    text: 'The service {unit} is installed and did not start: {reason}.',
    hint: 'See `flm service logs`; then start it with `{start}`, or remove it with `flm service uninstall`.',
  },

  // --- certificates
  CERT_NAME_NOT_PERMITTED: {
    ...user,
    text: 'The local CA may not sign certificates for {name}.',
    hint: 'Create a CA that allows it with `flm cert authority renew --permit {name}`. Devices must then trust the new CA: `flm cert trust`.',
  },
  CERT_NAME_INVALID: {
    ...user,
    text: 'A certificate cannot contain the name {name}.',
    hint: 'Give a host name such as llm.lan, or an IP address.',
  },
  CERT_AUTHORITY_UNUSABLE: {
    ...user,
    status: 409,
    text: 'The local CA cannot be used: {file} {reason}.',
    hint: 'Create a new CA with `flm cert authority renew`. Devices must then trust it: `flm cert trust`.',
  },
  CERT_AUTHORITY_ABSENT: {
    ...user,
    status: 404,
    text: 'There is no local CA yet.',
    hint: 'Make one with `flm cert trust`, or start a proxy with `flm proxy start --mode dev-selfsigned`.',
  },
  CERT_STORE_FAILED: {
    ...machine,
    status: 503,
    text: 'The certificates in {file} cannot be read or written: {reason}.',
    hint: 'Fix the cause and try again. The existing files are unchanged.',
  },
  CERT_LOCKED: {
    ...machine,
    text: 'Another process has locked the certificate {name} for too long.',
    hint: 'Find the flm process that hangs (`ps aux | grep flm`), end it, and try again.',
  },
  CERT_CLIENT_CA_INVALID: {
    ...user,
    text: 'The client CA {file} cannot be used: {reason}.',
    hint: 'Give --client-ca a file with one or more CA certificates in PEM.',
  },
  CERT_EXPORT_FAILED: {
    ...user,
    text: 'The certificate cannot be saved as {file}: {reason}.',
    hint: 'Name a writable file, or leave the file out to print the certificate.',
  },
  CERT_TRUST_FAILED: {
    ...user,
    text: 'The trust in the local CA was not changed in {place}: {reason}.',
    hint: 'Fix the cause and run `flm cert trust` again. To do it by hand, save the certificate with `flm cert export FILE`.',
  },

  // --- keys, policy, engines as an administrator handles them
  KEY_NOT_FOUND: {
    ...user,
    status: 404,
    text: 'There is no key {key}{near}.',
    hint: 'List the keys with `flm key list`.',
  },
  KEY_AMBIGUOUS: {
    ...user,
    status: 409,
    text: 'Several keys have the label {key}: {candidates}.',
    hint: 'Use the id of one of them.',
  },
  KEY_INVALID: {
    ...user,
    status: 422,
    text: 'The settings of the key are not valid: {faults}',
    hint: 'Fix these fields and try again. No key was created or changed.',
  },
  KEY_TABLE_INVALID: {
    ...user,
    status: 422,
    text: 'The table of keys is not valid: {faults}',
    hint: 'Fix these lines and import the file again. No key was created.',
  },
  SHARE_NOT_FOUND: {
    ...user,
    status: 404,
    text: 'There is no share {share}{near}.',
    hint: 'List the shares with `flm share list`.',
  },
  SHARE_HAS_KEY: {
    ...user,
    status: 409,
    text: 'The share {share} was redeemed, so its key {key} exists.',
    hint: 'Revoke the key: `flm key revoke {key}`.',
  },
  SHARE_CLEAR_TEXT: {
    ...user,
    status: 409,
    text: 'The proxy {id} serves plain HTTP on a network, where others could read the new key.',
    hint: 'Restart it with HTTPS: `flm proxy restart {profile} --mode dev-selfsigned`. If another server in front of it has HTTPS, name that with --url https://NAME.',
  },
  POLICY_INVALID: {
    ...user,
    status: 422,
    text: 'The policy is not valid: {faults}',
    hint: 'Fix these fields and try again. The current policy stays in force.',
  },
  POLICY_NEEDS_CONFIRMATION: {
    ...user,
    status: 409,
    text: 'This policy would block {reason}.',
    hint: 'Run the command again with --yes to apply it anyway.',
  },
  ENGINE_INVALID: {
    ...user,
    status: 422,
    text: 'The settings of the engine are not valid: {faults}',
    hint: 'Fix these fields and try again. Nothing was saved.',
  },
  ENGINE_NOT_FOUND: {
    ...user,
    status: 404,
    text: 'There is no engine {engine}{near}.',
    hint: 'List engines with `flm engine list` (the column FROM shows which are saved), or find running engines with `flm engine detect`.',
  },
  ENGINE_UNRECOGNISED: {
    ...user,
    status: 422,
    text: '{url} does not answer like an LLM engine: {reason}.',
    hint: 'Check the address and the port. `flm engine detect` lists the engines that run on this machine.',
  },
  ALIAS_INVALID: {
    ...user,
    status: 422,
    text: 'The alias is not valid: {faults}',
    hint: 'Use a model from `flm model list`.',
  },
  ALIAS_NOT_FOUND: {
    ...user,
    status: 404,
    text: 'There is no alias {alias}{near}.',
    hint: 'List the aliases with `flm model list`.',
  },
  EXPLAIN_UNKNOWN: {
    ...user,
    status: 404,
    text: 'There is no error code and no remembered refusal named {name}{near}.',
    hint: 'docs/errors.md lists the codes. A running proxy remembers its last 2,000 refusals; its log has older ones: `flm proxy logs`.',
  },
  FILE_UNUSABLE: {
    ...user,
    text: 'The file {file} cannot be {done}: {reason}.',
    hint: 'Check the path and the permissions of the file. Nothing was changed.',
  },
  SYSTEM_REFUSED: {
    ...user,
    text: 'The system refused {what}: {reason} ({errno}).',
    hint: '{advice}',
  },
  USAGE: { ...user, text: '{message}', hint: 'See `flm{command} --help`.' },

  // --- errors of the command line's chat as a client
  CHAT_REFUSED: {
    ...user,
    text: '{message}',
    hint: 'For details, run `flm explain {request}`.',
  },
  CHAT_CUT: {
    ...user,
    text: 'The response broke off: {reason}.',
    hint: 'Check `flm proxy status` and the log of the engine, then ask again.',
  },
  CHAT_NO_CERTIFICATE: {
    ...user,
    text: 'The proxy requires a client certificate issued by {file}.',
    hint: 'Pass yours: `flm chat --client-cert FILE --client-key FILE`.',
  },
  CHAT_NO_MODEL: {
    ...user,
    text: 'The proxy offers no model.',
    hint: 'Start an engine, or load a model in a running engine. `flm proxy status` shows the engines.',
  },

  // --- the store
  STORE_BUSY: {
    ...machine,
    status: 503,
    text: 'The database {file} is locked by another program.',
    hint: 'Try again. If the database stays locked, find the program that has it open: `lsof {path}`.',
  },
  STORE_FULL: {
    ...machine,
    status: 503,
    text: 'The disk that holds {file} is full. The file was left as it was.',
    hint: 'Free some disk space and try again.',
  },
  STORE_READ_ONLY: {
    ...machine,
    status: 503,
    text: 'The database {file} cannot be written: {reason}.',
    hint: 'Make the file writable and try again. Until then flm can read it, and `flm proxy stop` and `flm key revoke KEY` work.',
  },
  STORE_CORRUPT: {
    ...machine,
    text: 'The database {file} is damaged ({reason}). It was left as it is.',
    hint: 'Restore a backup from {backups}, or try `sqlite3 {path} .recover`.',
  },
  STORE_NEWER: {
    ...user,
    text: 'The database {file} was written by a newer flm (schema {found}, this one knows {known}).',
    hint: 'Update flm: run `flm proxy stop --all`, install the newer version, and run `flm proxy start`. Or set FLM_HOME to another folder.',
  },
  STORE_NETWORK_FS: {
    ...user,
    text: 'The folder {folder} is on a network file system ({type}), where SQLite cannot lock safely.',
    hint: 'Set FLM_HOME to a folder on a local disk.',
  },
  STORE_UNUSABLE: {
    ...machine,
    text: 'The database {file} cannot be used: {reason}.',
    hint: 'Check that the folder exists, that its disk works, and that it belongs to this user.',
  },
  STORE_SETTINGS_INVALID: {
    ...user,
    status: 422,
    text: 'The settings of the shared stores are not valid: {faults}',
    hint: 'Fix these environment variables and try again. docs/operations.md describes them.',
  },
  STORE_UNREACHABLE: {
    ...machine,
    status: 503,
    text: 'The database {database} cannot be reached: {reason}. Nothing was changed.',
    hint: 'Check that PostgreSQL runs and that this machine reaches it: `flm db status`.',
  },
  STORE_OUTCOME_UNKNOWN: {
    ...machine,
    status: 503,
    text: 'The connection to the database {database} was lost before it confirmed the change: {reason}.',
    hint: 'The change may or may not be stored. Check before you repeat it.',
  },
  STORE_REFUSED: {
    ...machine,
    status: 503,
    text: 'The database {database} refused: {reason}.',
    hint: 'Check the user, the password and the rights of FLM_DATABASE_URL: `flm db status`.',
  },
  STORE_ROW_INVALID: {
    ...machine,
    text: 'The database {database} holds a row that flm cannot read: {reason}.',
    hint: 'Restore a backup of the database, or correct the row if somebody edited it.',
  },
  STORE_NOT_EMPTY: {
    ...user,
    status: 409,
    text: 'The database {database} is not empty: it has {content}.',
    hint: 'Add --replace to overwrite everything in it, or choose another database.',
  },
  STORE_COPY_REFUSED: {
    ...user,
    status: 409,
    text: 'Nothing was copied: {reason}.',
    hint: 'Stop the proxies of this machine with `flm proxy stop --all`. FLM_DATABASE_URL names the PostgreSQL database.',
  },
  STORE_KEY_UNUSABLE: {
    ...user,
    text: 'The store key {file} cannot be used: {reason}.',
    hint: 'Every node needs the same file: create it once with `flm db key create FILE`, copy it to each node, and set FLM_STORE_KEY_FILE.',
  },
  BACKUP_UNREADABLE: {
    ...user,
    text: 'The backup {file} cannot be used: {reason}.',
    hint: 'Choose another backup: `flm backup list` shows those of this machine. `flm backup verify FILE` checks one.',
  },
  BACKUP_NEWER: {
    ...user,
    text: 'The backup {file} was made by a newer flm ({flm}).',
    hint: 'Install that version or a newer one: `flm upgrade`.',
  },
  BACKUP_LOCKED: {
    ...user,
    text: 'The backup {file} cannot be decrypted: {reason}.',
    hint: 'Give the passphrase with --passphrase-file FILE, or the age identity with --identity FILE.',
  },
  BACKUP_NO_SPACE: {
    ...user,
    text: 'The backup {file} needs {needed} MB of free space in {folder}, and {free} MB are free.',
    hint: 'Free some space and try again. `df -h` shows which disk is full.',
  },
  BACKUP_FAILED: {
    ...machine,
    text: 'The backup {file} was not written: {reason}.',
    hint: 'Older backups are unchanged. Choose another folder with --to FOLDER, or free some space.',
  },
  BACKUP_RUNNING: {
    ...user,
    status: 409,
    text: 'Another backup of {home} is being written.',
    hint: 'Wait until it has ended, and run the command again.',
  },
  RESTORE_REFUSED: {
    ...user,
    status: 409,
    text: 'Nothing was restored: {reason}.',
    hint: 'Stop all proxies with `flm proxy stop --all`, on every machine that shares the database, and run the command again.',
  },
  RESTORE_UNSURE: {
    ...user,
    status: 409,
    text: 'Nothing was restored: the current database cannot be read, so flm does not know which keys were revoked since the backup ({reason}).',
    hint: 'Add --revive-keys to restore every key of the backup, and revoke again what must not work.',
  },
  RESTORE_RUNNING: {
    ...user,
    status: 409,
    text: 'A restore is replacing the data in {home}.',
    hint: 'Wait until it has ended, and run the command again.',
  },
  HOME_UNSAFE: {
    ...user,
    text: 'The folder {folder} cannot be trusted: {reason}.',
    hint: 'If only flm uses this folder, make it private to your user: `chown "$USER" {path} && chmod 700 {path}`. Otherwise set FLM_HOME to another folder.',
  },
  INTERNAL: {
    ...machine,
    text: 'An internal error occurred in flm.',
    hint: 'Try again. If it happens again, report it with the request id and the log.',
  },

  // --- upgrading this program
  UPGRADE_NOT_SIGNED: {
    ...user,
    text: 'No valid signature was found for {file}: {reason}.',
    hint: 'Put SHA256SUMS and SHA256SUMS.sig of the same release beside the file, as they were published.',
  },
  UPGRADE_NO_KEY: {
    ...user,
    text: 'This flm was built without a release key, so it cannot verify the signature of {file}.',
    hint: 'Compare the SHA-256 of the file with one that you trust, and give it: flm upgrade --to {file} --sha256 HEX',
  },
  UPGRADE_WRONG_BYTES: {
    ...user,
    text: '{file} has another SHA-256 than {where} says: {hash}.',
    hint: 'The file is damaged or another one. Get it again; nothing was changed.',
  },
  UPGRADE_WRONG_FILE: {
    ...user,
    text: '{file} {reason}.',
    hint: 'Run `flm upgrade` to see the command that installs another version here; docs/install.md has them all.',
  },
  UPGRADE_RUNNING: {
    ...user,
    text: 'Another upgrade of {target} is running.',
    hint: 'Wait until it has ended. If none runs, remove {lock} and try again.',
  },
  UPGRADE_DATABASE: {
    ...user,
    text: 'flm {version} cannot use the database of this flm: {reason}',
    hint: 'Nothing was changed. To go back anyway, stop flm and restore a backup, as docs/install.md describes.',
  },
  UPGRADE_NOT_HANDED_OVER: {
    ...user,
    text: '{id} was not handed over to the new version and continues to serve: {reason}{moved}',
    hint: 'The old program is in its place again. Read `flm proxy logs`, or stop and start the proxy.',
  },

  // --- the admin API
  ADMIN_PATH_UNKNOWN: {
    ...refused,
    status: 404,
    text: 'There is nothing at {path}.',
    hint: 'See the reference of the admin API. A key needs the scope `admin` or `admin:read`.',
  },
  REQUEST_NOT_RUNNING: {
    ...refused,
    status: 404,
    text: 'No request with the id {id} runs.',
    hint: 'It may have ended. `flm requests` lists the requests that run.',
  },
  ADMIN_INPUT_INVALID: {
    ...refused,
    status: 422,
    text: 'The request is not valid: {faults}',
    hint: 'Fix these fields; nothing was changed.',
  },
  ADMIN_CHANGED_MEANWHILE: {
    ...refused,
    status: 412,
    text: 'Somebody changed this since you read it.',
    hint: 'Read it again, and repeat your change with the new `ETag` in `If-Match`.',
  },
  ADMIN_SESSION_ENDED: {
    ...refused,
    status: 401,
    text: 'This session has ended, or the sign-in link was used before.',
    hint: 'Run `flm ui` again.',
  },
  ADMIN_CROSS_ORIGIN: {
    ...refused,
    status: 403,
    text: 'This request does not come from a page of this server.',
    hint: 'Open the dashboard with `flm ui` in a current browser. Programs use an API key.',
  },
  ADMIN_FORWARDED: {
    ...refused,
    status: 403,
    text: 'This request came through another proxy (header {header}).',
    hint: 'Open the dashboard on this machine with `flm ui`, without a proxy in between.',
  },
  LOCAL_ONLY: {
    ...refused,
    status: 403,
    text: 'The admin API does not change these settings: {fields}. They name files, programs, environment variables or listening addresses of this machine.',
    hint: 'Change them on this machine: `{command}`.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    ...refused,
    status: 422,
    text: 'This Idempotency-Key came with another request before.',
    hint: 'Use a new Idempotency-Key for a new request.',
  },

  // --- guard: rejected before a request exists
  REQUEST_MALFORMED: {
    ...refused,
    status: 400,
    text: 'The request is not valid HTTP/1.1: {reason}.',
    hint: 'Send a plain HTTP/1.1 request.',
  },
  REQUEST_TIMEOUT: {
    ...refused,
    status: 408,
    text: 'The request did not arrive in time.',
    hint: 'Send the whole request without long pauses.',
  },
  BODY_TOO_LARGE: {
    ...refused,
    status: 413,
    text: 'The request body is larger than {limit} bytes.',
    hint: 'Send a smaller body, or raise maxBodyBytes in the profile.',
  },
  HEADER_INVALID: {
    ...refused,
    status: 400,
    text: 'The header {name} {why}.',
    hint: 'Send it once, with at most 1024 bytes.',
  },
  UPGRADE_REQUIRED: {
    ...refused,
    status: 426,
    text: 'This proxy does not support WebSocket.',
    hint: 'Send the request over plain HTTP/1.1. In Codex, set supports_websockets = false.',
  },
  EXPECTATION_FAILED: {
    ...refused,
    status: 417,
    text: 'The Expect header asks for something that flm does not support.',
    hint: 'Leave the Expect header out.',
  },
  HOST_MISDIRECTED: {
    ...refused,
    status: 421,
    text: 'This proxy does not answer for the host named in the request.',
    hint: 'To use this name, start the proxy with --public-host {name}.',
  },
  HEAD_TOO_LARGE: {
    ...refused,
    status: 431,
    text: 'The request head is too large.',
    hint: 'Send fewer or shorter header fields.',
  },
  PLAIN_ON_TLS: {
    ...refused,
    status: 400,
    text: 'This port expects HTTPS, but the request was plain HTTP{exposed}.',
    hint: 'Use {url} as the base URL.',
  },
  TLS_HANDSHAKE_FAILED: {
    ...refused,
    status: 400,
    text: 'The TLS handshake failed: {reason}.',
    hint: 'Clients need TLS 1.2 or newer, trust in the certificate (`flm cert show`), and with --client-ca a certificate of that CA.',
  },
  TRANSFER_CODING_UNSUPPORTED: {
    ...refused,
    status: 501,
    text: 'Only the transfer coding "chunked" is supported.',
    hint: 'Send Content-Length or exactly "Transfer-Encoding: chunked".',
  },
  HTTP_VERSION_UNSUPPORTED: {
    ...refused,
    status: 505,
    text: 'Only HTTP/1.1 and HTTP/1.0 are supported.',
    hint: 'Use HTTP/1.1.',
  },
  CONNECTIONS_EXHAUSTED: {
    ...refused,
    status: 503,
    level: 'warn',
    text: 'Too many connections are open.',
    hint: 'Close idle connections, or try again soon.',
  },
  STREAMS_EXHAUSTED: {
    ...refused,
    status: 503,
    level: 'warn',
    text: 'Too many responses are in progress.',
    hint: 'Try again soon.',
  },
  LIMITER_AWAY: {
    ...refused,
    status: 503,
    level: 'warn',
    text: 'The server that counts limits for all nodes does not answer, and no request may pass without it.',
    hint: 'Try again soon.',
  },
  DRAINING: { ...refused, status: 503, text: 'The proxy is shutting down.', hint: 'Try again soon.' },

  // --- auth, policy, router
  AUTH_MISSING: {
    ...refused,
    status: 401,
    apiCode: 'invalid_api_key',
    text: 'No valid API key was given.',
    hint: 'Send a key as "Authorization: Bearer KEY". Create a key with `flm key create LABEL`.',
  },
  AUTH_CONFLICT: {
    ...refused,
    status: 400,
    text: 'The request carries more than one credential.',
    hint: 'Send one key, in one header.',
  },
  AUTH_REVOKED: {
    ...refused,
    status: 401,
    apiCode: 'invalid_api_key',
    text: 'This API key was revoked.',
    hint: 'Ask for a new key.',
  },
  AUTH_EXPIRED: {
    ...refused,
    status: 401,
    apiCode: 'invalid_api_key',
    text: 'This API key has expired.',
    hint: 'Ask for a new key.',
  },
  AUTH_PAUSED: {
    ...refused,
    status: 403,
    text: 'This API key is paused.',
    hint: 'Ask the person who gave you the key to resume it: `flm key resume {key}`.',
  },
  KEYS_OUTDATED: {
    ...refused,
    status: 503,
    text: 'This proxy has not been able to read its database for too long, so it accepts no stored key.',
    hint: 'Try again later. On the machine, run `flm proxy status` and `flm db status`.',
  },
  AUTH_THROTTLED: {
    ...refused,
    status: 429,
    apiCode: 'rate_limit_exceeded',
    text: 'Too many failed logins came from this address.',
    hint: 'Wait for the time in the Retry-After header, then use a valid key.',
  },
  SHARE_UNKNOWN: {
    ...refused,
    status: 404,
    text: 'This link is not valid.',
    hint: 'Copy the whole link again, or ask for a new one.',
  },
  SHARE_REDEEMED: {
    ...refused,
    status: 410,
    text: 'This link was used before; a link works once.',
    hint: 'If that was not you, tell the person who sent it: the key must be revoked. Ask for a new link.',
  },
  SHARE_EXPIRED: {
    ...refused,
    status: 410,
    text: 'This link has expired.',
    hint: 'Ask for a new link.',
  },
  SHARE_REVOKED: {
    ...refused,
    status: 410,
    text: 'This link was withdrawn.',
    hint: 'Ask the person who sent it.',
  },
  SHARE_INSECURE: {
    ...refused,
    status: 403,
    text: 'A key is handed out over HTTPS only, because others on the network could read it.',
    hint: 'Open the link with https://, or on the machine of the proxy itself.',
  },
  SHARE_UNAVAILABLE: {
    ...refused,
    status: 503,
    text: 'The key cannot be made now.',
    hint: 'Try again soon; your link still works.',
  },
  ADDRESS_DENIED: {
    ...refused,
    status: 403,
    text: 'The policy does not allow this address.',
    hint: 'Ask the administrator. `flm policy show` lists the rules.',
  },
  KEY_ADDRESS_DENIED: {
    ...refused,
    status: 403,
    text: 'This key may not be used from this address.',
    hint: 'Use it from an address that the key allows.',
  },
  ORIGIN_DENIED: {
    ...refused,
    status: 403,
    text: 'The policy does not allow this origin{never}.',
    hint: 'Allow it with `flm policy set --allow-origin {origin}`.',
  },
  RATE_LIMITED: {
    ...refused,
    status: 429,
    apiCode: 'rate_limit_exceeded',
    text: 'The {whose} request rate limit is reached.',
    hint: 'Wait for the time in the Retry-After header.',
  },
  TOKENS_LIMITED: {
    ...refused,
    status: 429,
    apiCode: 'rate_limit_exceeded',
    text: 'The key has used its {limit} tokens a {span}.',
    hint: 'Wait for the time in the Retry-After header.',
  },
  CONCURRENCY_LIMITED: {
    ...refused,
    status: 429,
    apiCode: 'rate_limit_exceeded',
    text: 'The key has reached its limit of {limit} requests in progress.',
    hint: 'Wait until one of them ends.',
  },
  QUEUE_FULL: {
    ...refused,
    status: 429,
    apiCode: 'rate_limit_exceeded',
    level: 'warn',
    text: 'The engine is busy and too many requests wait for it.',
    hint: 'Wait for the time in the Retry-After header, then try again.',
  },
  ROUTE_UNKNOWN: {
    ...refused,
    status: 404,
    text: 'There is nothing at this path{meant}.',
    hint: 'The base URL of {clients} clients is {base}.',
  },
  PATH_DOUBLED_SLASH: {
    ...refused,
    status: 400,
    text: 'The path contains a double slash{meant}.',
    hint: 'The base URL of {clients} clients is {base}, without a slash at its end.',
  },
  METHOD_NOT_ALLOWED: {
    ...refused,
    status: 405,
    text: 'This path does not allow that method.',
    hint: 'Use a method from the Allow header.',
  },

  // --- handler: body, model, access
  BODY_INVALID: {
    ...refused,
    status: 400,
    text: 'The request body cannot be used: {reason}.',
    hint: 'Send {form}, as the API reference describes.',
  },
  BODY_CODED: {
    ...refused,
    status: 415,
    text: 'flm does not support the content coding of the request body.',
    hint: 'Send the body uncompressed, or with one Content-Encoding: gzip or zstd.',
  },
  BODY_CODING_INVALID: {
    ...refused,
    status: 400,
    text: 'The compressed request body {reason}.',
    hint: 'Send the complete body with no data after it, or leave Content-Encoding out.',
  },
  BODY_EXPANDS: {
    ...refused,
    status: 413,
    text: 'The compressed request body grows to more than {ratio} times its size.',
    hint: 'Send the body without Content-Encoding.',
  },
  BODY_TYPE_UNSUPPORTED: {
    ...refused,
    status: 415,
    text: 'This path does not accept that content type.',
    hint: 'Send {expected}.',
  },
  BODIES_EXHAUSTED: {
    ...refused,
    status: 503,
    level: 'warn',
    text: 'Too many request bodies are waiting in memory.',
    hint: 'Try again soon.',
  },
  SCOPE_MISSING: {
    ...refused,
    status: 403,
    text: 'This request needs a key with the scope {scope}.',
    hint: 'Create one with `flm key create LABEL --scope {scope}`.',
  },
  ENDPOINT_DENIED: {
    ...refused,
    status: 403,
    text: 'This key may not use the endpoint {route}.',
    hint: 'Use another key, or create one with `flm key create LABEL --endpoint {route}`.',
  },
  HAZARD_REFUSED: {
    ...refused,
    status: 403,
    text: 'This request would {hazard}, which this key may not do.',
    hint: 'Use a key with the scope engine:admin.',
  },
  MODEL_REQUIRED: {
    ...refused,
    status: 400,
    text: 'The request names no model, and several models are available.',
    hint: 'Set model to one of: {models}.',
  },
  MODEL_UNKNOWN: {
    ...refused,
    status: 404,
    apiCode: 'model_not_found',
    text: 'There is no model {model}{near}.',
    hint: 'GET /v1/models lists the models that this key may use.',
  },
  MODEL_DENIED: {
    ...refused,
    status: 403,
    text: 'This key may not use any model here.',
    hint: 'Ask for a key with access to a model.',
  },
  ROUTE_UNSUPPORTED: {
    ...refused,
    status: 404,
    text: 'No engine with this model serves {route}; {engines}.',
    hint: 'Use another route, or a model of an engine that serves this one.',
  },
  ENGINE_UNKNOWN: {
    ...refused,
    status: 404,
    text: 'There is no engine with that name.',
    hint: 'GET /v1/models shows the engine of each model.',
  },
  REQUEST_UNKNOWN: { ...refused, status: 404, text: 'There is nothing with that id.', hint: 'Check the id.' },

  // --- engines
  ENGINE_NONE: {
    ...engine,
    status: 503,
    retry: 'never-sent',
    text: 'No engine is known yet.',
    hint: 'Start an engine, or add one with `flm engine add URL`.',
  },
  ENGINE_DOWN: {
    ...engine,
    status: 503,
    retry: 'never-sent',
    text: 'No engine with this model is running.',
    hint: 'Start the engine; flm detects it automatically.',
  },
  ENGINE_CONNECT_FAILED: {
    ...engine,
    status: 502,
    retry: 'never-sent',
    text: 'The engine cannot be reached.',
    hint: 'Check that the engine runs at its address: `flm engine list`.',
  },
  ENGINE_RESET: {
    ...engine,
    status: 502,
    text: 'The engine closed the connection before it answered.',
    hint: 'Read the log of the engine. It may have run out of memory.',
  },
  ENGINE_PROTOCOL: {
    ...engine,
    status: 502,
    retry: 'answered',
    text: 'The engine sent something that is not valid HTTP.',
    hint: 'Check that the address belongs to an LLM engine: `flm engine test ID`.',
  },
  ENGINE_REDIRECTED: {
    ...engine,
    status: 502,
    retry: 'answered',
    text: 'The engine answered with a redirect, which flm does not follow.',
    hint: 'Set the final address: `flm engine set ID --url URL`.',
  },
  ENGINE_CODED_STREAM: {
    ...engine,
    status: 502,
    retry: 'answered',
    text: 'The engine compressed an event stream although flm asked for no compression.',
    hint: 'Turn compression off in the server in front of the engine.',
  },
  ENGINE_TIMEOUT: {
    ...engine,
    status: 504,
    text: 'The engine did not answer in time.',
    hint: 'Try again, because the model may still be loading. For slow models, raise firstByteTimeoutMs in the profile.',
  },
  ENGINE_CUT: {
    ...engine,
    status: 502,
    retry: 'answered',
    text: 'The engine stopped in the middle of its response.',
    hint: 'Read the log of the engine, then send the request again.',
  },
  ENGINE_STALLED: {
    ...engine,
    status: 504,
    retry: 'answered',
    text: 'The engine stopped sending in the middle of its response.',
    hint: 'Read the log of the engine, then send the request again.',
  },

  // --- the proxy or the client ended the request
  SHUT_DOWN: {
    ...refused,
    status: 503,
    text: 'The proxy was stopped before the response was complete.',
    hint: 'Send the request again soon.',
  },
  KEY_ENDED: {
    ...refused,
    status: 401,
    text: 'The API key was revoked or expired during the response.',
    hint: 'Ask for a new key.',
  },
  // Clients repeat a request after 408, 409, 429 and 5xx by themselves, and a cancelled request must not come back.
  REQUEST_CANCELLED: {
    ...refused,
    status: 403,
    text: 'The administrator cancelled this request.',
    hint: 'Ask the administrator for the reason before you send the request again.',
  },
  CLIENT_GONE: {
    ...refused,
    status: 499,
    retry: 'client-gone',
    text: 'The client disconnected before the response was complete.',
    hint: 'No action is needed.',
  },
  CLIENT_STALLED: {
    ...refused,
    status: 499,
    retry: 'client-gone',
    text: 'The client stopped reading the response.',
    hint: 'Read the response faster, or raise writeStallMs in the profile.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

export type ErrorParams = Readonly<Record<string, string | number>>;

/** Returns the sentence of a code for people. A missing parameter is replaced by nothing. */
export function errorText(code: ErrorCode, params: ErrorParams = {}): string {
  return fillText(errorTable[code].text, params);
}

/** Returns the hint of a code: what to do next. */
export function errorHint(code: ErrorCode, params: ErrorParams = {}): string {
  return fillText(errorTable[code].hint, params);
}

/** Replaces each `{name}` by the parameter of that name. */
export function fillText(template: string, params: ErrorParams): string {
  if (!template.includes('{')) return template;
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : '',
  );
}

/** One fault of a configuration: the field, its value, and what is allowed. */
export interface Fault {
  /** Path of the field, dotted: `limits.maxBodyBytes`, `engines.0.url`. */
  readonly field: string;
  /** The value as given, shortened, never a secret. */
  readonly value: string;
  readonly allowed: string;
  /** 1-based position in the configuration file, if there is one. */
  readonly line?: number;
  readonly column?: number;
}

/** More than a person fixes at once, and more than fits on a terminal. */
export const maxFaults = 50;

/** The words around the faults of a configuration, in one language. */
export interface FaultWords {
  /** The field of a fault that is about the whole document. */
  readonly document: string;
  at(line: number, column: number | undefined): string;
  fault(field: string, at: string, value: string, allowed: string): string;
  more(count: number): string;
}

export const faultWords: FaultWords = {
  document: 'the document',
  at: (line, column) => ` (line ${line}${column === undefined ? '' : `, column ${column}`})`,
  fault: (field, at, value, allowed) => `${field}${at} is ${value}; allowed: ${allowed}`,
  more: (count) => `and ${count} more`,
};

/**
 * Returns one fault as the end of a sentence, or several faults on one line each, with the number of further faults.
 * `nameOf` may return another name for a field, such as the flag that set it.
 */
export function describeFaults(
  faults: readonly Fault[],
  more = 0,
  nameOf: (fault: Fault) => string | undefined = () => undefined,
  words = faultWords,
): string {
  const lines = faults.map((fault) => {
    const { field, value, allowed, line, column } = fault;
    const at = line === undefined ? '' : words.at(line, column);
    return words.fault(nameOf(fault) ?? (field || words.document), at, value, allowed);
  });
  if (lines.length === 1 && more === 0) return lines[0] as string;
  if (more > 0) lines.push(words.more(more));
  return lines.map((line) => `\n  ${line}`).join('');
}

interface FlmErrorOptions {
  readonly params?: ErrorParams;
  readonly faults?: readonly Fault[];
  /** The number of faults already left out of `faults`. */
  readonly moreFaults?: number;
  readonly cause?: unknown;
}

/** The base class of flm's errors: a code of the table and its parameters. The cause is only for the log. */
export abstract class FlmError extends Error {
  readonly code: ErrorCode;
  readonly params: ErrorParams;
  /** The first fifty. */
  readonly faults: readonly Fault[];
  /** The number of further faults. */
  readonly moreFaults: number;

  constructor(code: ErrorCode, options: FlmErrorOptions = {}) {
    const all = options.faults ?? [];
    const faults = all.slice(0, maxFaults);
    const more = all.length - faults.length + (options.moreFaults ?? 0);
    const params =
      faults.length > 0
        ? { ...options.params, faults: describeFaults(faults, more) }
        : (options.params ?? {});
    super(errorText(code, params), options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.params = params;
    this.faults = faults;
    this.moreFaults = more;
  }

  get hint(): string {
    return errorHint(this.code, this.params);
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }
}

/** An operator's command failed: starting, stopping, finding or saving proxies. */
export class ProxyError extends FlmError {}
/** An engine failed, or cannot be used as requested. */
export class EngineError extends FlmError {}
/** A request was refused by keys or policy, or an administrator's change to them was refused. */
export class PolicyError extends FlmError {}
/** Installing or removing a proxy as a system service failed. */
export class ServiceError extends FlmError {}
/** Creating, obtaining, storing or trusting a certificate failed. */
export class CertificateError extends FlmError {}
/** Replacing the installed program failed. */
export class UpgradeError extends FlmError {}

/** A request to the admin API cannot be carried out. */
export class AdminError extends FlmError {}
/** A backup cannot be written, read or restored. */
export class BackupError extends FlmError {}
/** The database is busy, full, damaged, or of a newer version. */
export class StoreError extends FlmError {}
