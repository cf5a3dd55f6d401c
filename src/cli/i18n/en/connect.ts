/** Texts of `flm connect`, of the settings that it writes, and of the waits for a first request. */
export const connect = {
  help: {
    connect: 'print settings for a client; without a client, list the clients',
    after: 'With --wait and --json, a second document describes the request.',
  },
  arguments: { client: 'name of the client, or the beginning of the name' },
  options: {
    model: 'model to use; by default the first one',
    host: 'host name by which the client reaches this machine, such as host.docker.internal',
    key: 'key to use; by default the settings name the variable FLM_API_KEY',
    newKey: 'create a key and use it',
    proxy: 'id or profile; optional if only one proxy runs',
    wait: 'wait for the first successful request, and report refused ones',
    write: "write the settings into the client's own file, after showing the difference and asking",
    undo: 'restore the file as it was before the last --write',
    file: 'file for --write and --undo; by default the usual one of the client',
    yes: 'write without asking',
  },
  columns: { client: 'CLIENT', name: 'NAME', route: 'ASKS FOR' },
  showOne: 'Show the settings of one: flm connect CLIENT',
  waiting: (client: string): string => `Waiting for a request of ${client} (Ctrl-C leaves) ...`,
  cameThrough: 'It came through',
  success: (request: ArrivedRequest): string => {
    const { method, path, client, key, model, engine, status, firstByte, ending, took } = request;
    const used = `${key === null ? '' : `, key ${key}`}${model === null ? '' : `, model ${model} of ${engine}`}`;
    const first = firstByte === null ? '' : `, first byte after ${firstByte}`;
    return `${method} ${path} from ${client}${used}; status ${status}${first}, ${ending} after ${took}.`;
  },
  /** `code`: null if the engine refused the request. */
  refused: ({ method, path, client, status, code, rule, id }: RefusedRequest): string => {
    const why = code === null ? 'the engine refused it' : `${code}${rule === null ? '' : ` by ${rule}`}`;
    return `A request came and was refused: ${method} ${path} from ${client}, status ${status}, ${why}. More: flm explain ${id}`;
  },
  hasSettings: (path: string): string => `${path} has these settings.`,
  changes: (path: string): string => `This changes ${path}.`,
  /** `strong` marks the word that says the result. */
  changed: (path: string, undo: string, strong: (word: string) => string): string =>
    `${strong('Changed')} ${path}. To undo: ${undo}`,
  othersRead: (path: string): string =>
    `Others on this machine may read the key in ${path}: chmod 600 ${path}`,
  removed: (path: string): string => `Removed ${path}.`,
  restored: (path: string): string => `Restored ${path}.`,
  problems: {
    fileFlags: '--file and --yes need --write.',
    undoAlone: '--undo can only be combined with --file.',
    host: '--host takes a host name or address, without scheme and port.',
    noModel: 'No engine lists a model yet: name one with --model.',
    unknownClient: (name: string, similar: string, known: string): string =>
      `There are no settings for ${name}${similar === '' ? '' : `; similar names: ${similar}`}; known clients: ${known}.`,
    needsKey: (client: string): string =>
      `${client} reads its key only from this file: give --key KEY or --new-key LABEL.`,
    nothingToUndo: (path: string): string => `There is nothing to undo: flm has not changed ${path}.`,
    nothingToUndoOf: (client: string): string =>
      `There is nothing to undo: flm has not changed a file of ${client}.`,
    noFile: (client: string, id: string): string =>
      `${client} has no file of settings that flm can edit: paste what \`flm connect ${id}\` prints.`,
    nameFile: (client: string, place: string): string =>
      `Each project has its own ${place} for ${client}: name it with --file.`,
  },
  /** Why a file of settings cannot be edited. */
  faults: {
    changedMeanwhile: 'it changed meanwhile',
    changedSince: (copy: string | undefined): string =>
      `it changed since flm wrote it${copy === undefined ? '' : `; the version before is in ${copy}`}`,
    symbolicLink:
      'it is a symbolic link; name the file that it leads to with --file, or paste the settings by hand',
    noFile: 'it is not a file',
    otherUser: 'it belongs to another user',
    hardLinks: 'it has several names (hard links), and replacing it would separate them',
    readOnly: 'it is not writable',
    tooLarge: (bytes: number): string => `it is larger than ${bytes} bytes`,
    notUtf8: 'it is not UTF-8 text',
    folderIsLink: (folder: string): string =>
      `its folder ${folder} is a symbolic link; name the file with --file as it is without the link`,
    noFolder: (folder: string): string => `${folder} is not a folder`,
    folderOfOther: 'its folder belongs to another user',
    folderForAll: 'every user may write to its folder',
    notJson: (line: number, column: number, reason: string): string =>
      `line ${line}, column ${column} is no JSON (${reason})`,
    notToml: (line: number, column: number): string => `line ${line}, column ${column} is no TOML`,
    notYaml: (line: number, column: number, reason: string): string =>
      `line ${line}, column ${column} is no YAML (${reason})`,
    twice: (name: string): string => `it has ${name} twice`,
    noJson: 'it contains no JSON',
    severalDocuments: 'it holds several documents',
    notEditable: (place: string): string => `${place} is written in a way that flm cannot edit`,
    listEntry: 'a list contains an entry that is not a table',
    wantsValue: 'it has a list or a table where flm sets a value',
    nameWithoutPlace: 'it has a name without a place',
    valueWithoutPlace: 'it has a value without a place',
    noTable: (place: string): string => `${place} is no table`,
    wholeFile: 'the whole of it',
    notList: (place: string): string => `${place} is not a list`,
    notTable: (place: string): string => `${place} is not a table of names and values`,
    notValue: (place: string): string => `${place} is not a single value`,
    noPlace: 'its layout leaves no place for these settings; paste them by hand',
  },
  /** Refusals of the system, by code. */
  systemFaults: {
    EACCES: 'this user may not',
    EPERM: 'this user may not',
    EROFS: 'its disk is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EEXIST: 'it changed meanwhile',
    ELOOP: 'it is a symbolic link',
    ENOTDIR: 'a folder on its way is a file',
    ENAMETOOLONG: 'its path is too long',
  },
};

export interface ArrivedRequest {
  readonly method: string;
  readonly path: string;
  readonly client: string;
  readonly key: string | null;
  readonly model: string | null;
  readonly engine: string;
  readonly status: number;
  readonly firstByte: string | null;
  readonly ending: string;
  readonly took: string;
}

export interface RefusedRequest {
  readonly method: string;
  readonly path: string;
  readonly client: string;
  readonly status: number;
  readonly code: string | null;
  readonly rule: string | null;
  readonly id: string;
}
