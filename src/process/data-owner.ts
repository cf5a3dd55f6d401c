/**
 * Makes root work as the owner of the data folder: `sudo flm key create` must leave no file behind that the proxy,
 * which runs as that owner, cannot write.
 */
import { statSync } from 'node:fs';
import process from 'node:process';

/**
 * Changes the identity of this process if it runs as root and `home` belongs to another user. Otherwise does nothing.
 * `keepRoot` changes only the effective identity, so that programs can still be started as root (`flm cert trust`).
 */
export function becomeOwner(home: string, { keepRoot = false } = {}): void {
  const { geteuid, setegid, seteuid, setgid, setgroups, setuid } = process;
  if (geteuid?.() !== 0) return;
  const owner = statSync(home, { throwIfNoEntry: false });
  if (owner === undefined || !owner.isDirectory() || owner.uid === 0) return;
  // Groups first: after setuid this process may not change them. Root's groups would give access to files of other
  // users.
  setgroups?.([owner.gid]);
  if (keepRoot) {
    setegid?.(owner.gid);
    seteuid?.(owner.uid);
  } else {
    setgid?.(owner.gid);
    setuid?.(owner.uid);
  }
}
