/** Texts of `flm backup`. */
const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

export const backup = {
  about: {
    backup: 'backups: create, verify, restore and list them, and make the key that decrypts them',
    create:
      'write keys, policy, profiles, engines, shares, usage, audit, certificates and the CA to one file, while proxies run',
    verify: 'unpack a backup, open its databases with this flm, and show what is in it',
    restore:
      'replace the data by that of a backup; revoked and deleted keys stay so, the audit goes on, and the old data is kept in a folder',
    list: 'list the backups of this machine',
    schedule: 'daily backups, made by a running proxy',
    daily: 'make a backup every day, and keep the newest ones',
    scheduleShow: 'show the schedule, the last good backup, and what is wrong',
    scheduleOff: 'make no more backups by themselves',
    key: 'the age key that decrypts backups',
    keyCreate: 'create a file with a new age key, and print its public recipient',
  },
  options: {
    to: 'folder for the backup; without it: backups/ in the data folder',
    at: 'time of day on this machine',
    encrypt: 'encrypt the backup with a passphrase that is asked for',
    passphraseFile: 'file whose first line is the passphrase',
    recipient: 'encrypt for this age recipient; can be given several times',
    plaintext: 'do not encrypt: everybody who reads the file can use its secrets',
    keep: 'number of backups that stay in the folder (default: 7)',
    identity: 'file with the age identity that decrypts the backup',
    file: 'backup to read',
    reviveKeys: 'bring keys back as they are in the backup, revoked and deleted ones too',
    yes: 'do not ask',
    folder: 'folder to list; without it: backups/ in the data folder',
    keyFile: 'file to create, readable for this user only',
  },
  creating: 'Writing the backup',
  reading: 'Reading the backup',
  restoring: 'Restoring the backup',
  created: (content: string, size: string, file: string): string => `Saved ${content} (${size}) in ${file}.`,
  removed: (file: string): string => `Removed the older backup ${file}.`,
  keepSecret:
    'The backup is not encrypted and holds secrets of engines and private keys of certificates: keep it where only you can read it.',
  chooseEncryption:
    'A backup holds secrets: add --encrypt (asks for a passphrase), --passphrase-file FILE, --recipient age1... or --plaintext.',
  noTerminal:
    'A passphrase can be asked for only on a terminal: add --passphrase-file FILE or --recipient age1...',
  encryptQuestion: 'Encrypt the backup with a passphrase? [Y/n] ',
  newPassphrase: (length: number): string => `Passphrase of at least ${length} characters: `,
  repeatPassphrase: 'The same passphrase again: ',
  shortPassphrase: (length: number): string =>
    `The passphrase needs at least ${length} characters. Nothing was saved.`,
  differentPassphrases: 'The two passphrases differ. Nothing was saved.',
  passphraseOf: (file: string): string => `Passphrase of ${file}: `,
  wrongRecipient: (text: string): string => `"${text}" is no age recipient, which begins with age1.`,
  badKeep: '--keep takes a whole number from 1 to 9999.',
  rows: {
    file: 'file',
    created: 'created',
    host: 'machine',
    flm: 'flm',
    store: 'database',
    encrypted: 'encrypted',
    content: 'content',
    certificates: 'certificates',
    auditHeads: 'audit heads',
    size: 'size',
    daily: 'every day at',
    folder: 'folder',
    encryptedFor: 'encrypted for',
    keep: 'kept',
    lastGood: 'last good one',
    problem: 'problem',
  },
  yes: 'yes',
  no: 'no',
  noCertificates: 'none',
  ownFolder: 'backups/ in the data folder',
  notYet: 'none yet',
  chooseRecipient:
    'Give --recipient age1... (its identity stays off this machine; `flm backup key create FILE` makes one) or --plaintext, not both.',
  badTime: '--at takes a time of day such as 03:30.',
  scheduleNext: 'A running proxy makes the backups. `flm status` and `flm doctor` warn if they fail.',
  noSchedule: 'No backups are scheduled. Schedule them with `flm backup schedule daily`.',
  scheduleEnded: 'No more backups are made by themselves. Those that exist stay.',
  sound: 'The backup is sound.',
  replaces: (moment: string, host: string): string =>
    `This replaces keys, policy, profiles, engines, usage and certificates by those of ${moment} from ${host}.`,
  replacesUnread:
    'This replaces keys, policy, profiles, engines, usage and certificates by those of the backup.',
  restored: (content: string, moment: string, host: string): string =>
    `Restored ${content} of ${moment} from ${host}.`,
  stayedRevoked: (count: number): string =>
    `${counted(count, 'key')} stayed revoked, paused or ended (--revive-keys changes that).`,
  stayedDeleted: (count: number): string =>
    `${counted(count, 'key')} stayed deleted (--revive-keys changes that).`,
  stayedEnded: (count: number): string => `${counted(count, 'share')} stayed redeemed or withdrawn.`,
  lostKeys: (count: number): string =>
    `${counted(count, 'key')} created after the backup no longer ${count === 1 ? 'works' : 'work'}.`,
  keptAudit: 'The audit is the current one, with an entry about the restore.',
  kept: (folder: string): string =>
    `What was there before is in ${folder}; delete it when you no longer need it.`,
  restoreNext: 'Start the proxies again: `flm proxy start`, or the service.',
  none: (folder: string): string =>
    `No backups of this machine in ${folder}. Create one with \`flm backup create\`.`,
  keyCreated: (recipient: string, file: string): string => `${recipient}\nIts secret identity is in ${file}.`,
  keyNext:
    'Move the file off this machine, into a password manager for example: without it, backups for this recipient are lost. This machine needs only the recipient.',
};
