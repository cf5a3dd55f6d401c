/** The system's users: the person who asked by sudo, and the user that a system service runs as. */
import type { ServiceTools, Words } from './service-tools.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** From here on user ids belong to people (SYS_UID_MAX of login.defs(5) is 999). */
const firstPersonUid = 1000;

/** Undefined if there is no such user. */
export async function findAccount(tools: ServiceTools, name: string): Promise<Account | undefined> {
  const asked = await tools.run(['getent', 'passwd', name]);
  const lines = asked.code === 0 ? asked.stdout : (tools.read('/etc/passwd') ?? '');
  for (const line of lines.split('\n')) {
    const [found, , uid, gid, , home = ''] = line.split(':');
    if (found === name) return { name, uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

export function isPerson({ uid }: Account): boolean {
  return uid >= firstPersonUid && uid !== 65534;
}

/** Creates a system user that cannot log in, with a group of the same name. */
export function createAccount(name: string, home: string): Words {
  return [
    'useradd',
    '--system',
    '--user-group',
    '--home-dir',
    home,
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    '--comment',
    'flm',
    name,
  ];
}
