/** Accounts of the operating system: the user behind sudo, and the user that a system service runs as. */
import type { ServiceTools, Words } from './service-tools.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** User ids from this number on belong to people: SYS_UID_MAX of login.defs(5) is 999; macOS begins with 501. */
const firstPersonUid = { linux: 1000, darwin: 501 };

/** Undefined if there is no such user. */
export async function findAccount(tools: ServiceTools, name: string): Promise<Account | undefined> {
  if (tools.platform === 'darwin') return findMacAccount(tools, name);
  const asked = await tools.run(['getent', 'passwd', name]);
  const lines = asked.code === 0 ? asked.stdout : (tools.read('/etc/passwd') ?? '');
  for (const line of lines.split('\n')) {
    const [found, , uid, gid, , home = ''] = line.split(':');
    if (found === name) return { name, uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

export function isPerson({ platform }: Pick<ServiceTools, 'platform'>, { uid }: Account): boolean {
  return uid >= (platform === 'darwin' ? firstPersonUid.darwin : firstPersonUid.linux) && uid !== 65534;
}

/** Commands that create a system user that cannot log in, with a group of the same name. */
export async function createAccount(
  tools: ServiceTools,
  name: string,
  home: string,
): Promise<readonly Words[]> {
  if (tools.platform === 'darwin') return createMacAccount(tools, name, home);
  return [
    [
      ...(['useradd', '--system', '--user-group', '--home-dir', home, '--no-create-home'] as const),
      ...['--shell', '/usr/sbin/nologin', '--comment', 'flm', name],
    ],
  ];
}

export function deleteAccount({ platform }: Pick<ServiceTools, 'platform'>, name: string): readonly Words[] {
  if (platform !== 'darwin') return [['userdel', name]];
  return [
    ['dscl', '.', '-delete', `/Users/${name}`],
    ['dscl', '.', '-delete', `/Groups/${name}`],
  ];
}

/** dscl(1). dscl prints a value with a space on its own line. */
async function findMacAccount(tools: ServiceTools, name: string): Promise<Account | undefined> {
  const { code, stdout } = await tools.run([
    ...(['dscl', '.', '-read', `/Users/${name}`] as const),
    ...['UniqueID', 'PrimaryGroupID', 'NFSHomeDirectory'],
  ]);
  if (code !== 0) return undefined;
  const value = (key: string): string => new RegExp(`^${key}:\\s+(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    name,
    uid: Number(value('UniqueID')),
    gid: Number(value('PrimaryGroupID')),
    home: value('NFSHomeDirectory'),
  };
}

/**
 * Returns the first id that neither a user nor a group has, because macOS has no program that chooses the id of a
 * system user.
 */
async function createMacAccount(tools: ServiceTools, name: string, home: string): Promise<readonly Words[]> {
  const users = await tools.run(['dscl', '.', '-list', '/Users', 'UniqueID']);
  const groups = await tools.run(['dscl', '.', '-list', '/Groups', 'PrimaryGroupID']);
  const taken = new Set(
    [...`${users.stdout}\n${groups.stdout}`.matchAll(/\s(\d+)$/gm)].map(([, id]) => Number(id)),
  );
  let id = firstMacServiceUid;
  while (taken.has(id)) id += 1;
  const create = (path: string, ...words: readonly string[]): Words => [
    'dscl',
    '.',
    '-create',
    path,
    ...words,
  ];
  const group = `/Groups/${name}`;
  const user = `/Users/${name}`;
  return [
    create(group, 'PrimaryGroupID', String(id)),
    create(user, 'UniqueID', String(id)),
    create(user, 'PrimaryGroupID', String(id)),
    create(user, 'NFSHomeDirectory', home),
    create(user, 'UserShell', '/usr/bin/false'),
    create(user, 'RealName', 'flm'),
    create(user, 'IsHidden', '1'),
    create(user, 'Password', '*'),
  ];
}

/** Apple's own system users have lower ids, people have 501 and more. */
const firstMacServiceUid = 420;
