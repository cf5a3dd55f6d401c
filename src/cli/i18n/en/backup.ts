/** Texts of `flm backup`. */
export const backup = {
  about: {
    backup: 'backups: create, verify and list them, and make the key that decrypts them',
    create:
      'write keys, policy, profiles, engines, shares, usage, audit, certificates and the CA to one file, while proxies run',
    verify: 'unpack a backup, open its databases with this flm, and show what is in it',
    list: 'list the backups of this machine',
    key: 'the age key that decrypts backups',
    keyCreate: 'create a file with a new age key, and print its public recipient',
  },
  options: {
    to: 'folder for the backup; without it: backups/ in the data folder',
    encrypt: 'encrypt the backup with a passphrase that is asked for',
    passphraseFile: 'file whose first line is the passphrase',
    recipient: 'encrypt for this age recipient; can be given several times',
    plaintext: 'do not encrypt: everybody who reads the file can use its secrets',
    keep: 'number of backups that stay in the folder (default: 7)',
    identity: 'file with the age identity that decrypts the backup',
    file: 'backup to read',
    folder: 'folder to list; without it: backups/ in the data folder',
    keyFile: 'file to create, readable for this user only',
  },
  creating: 'Writing the backup',
  reading: 'Reading the backup',
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
  },
  yes: 'yes',
  no: 'no',
  noCertificates: 'none',
  sound: 'The backup is sound.',
  none: (folder: string): string =>
    `No backups of this machine in ${folder}. Create one with \`flm backup create\`.`,
  keyCreated: (recipient: string, file: string): string => `${recipient}\nIts secret identity is in ${file}.`,
  keyNext:
    'Move the file off this machine, into a password manager for example: without it, backups for this recipient are lost. This machine needs only the recipient.',
};
