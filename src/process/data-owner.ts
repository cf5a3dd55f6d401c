/**
 * Makes root work as the owner of the data folder: `sudo flm key create` must leave no file behind that the proxy,
 * which runs as that owner, cannot write.
 */
import { statSync } from 'node:fs';
import process from 'node:process';

/**
 * Changes the identity of this process when it runs as root and `home` belongs to somebody else; nothing otherwise.
 * `keepRoot` changes only the effective identity, so that programs can still be started as root (`flm cert trust`).
 */
export function becomeOwner(home: string, { keepRoot = false } = {}): void {
  const { geteuid, setegid, seteuid, setgid, setgroups, setuid } = process;
  if (geteuid?.() !== 0) return;
  const owner = statSync(home, { throwIfNoEntry: false });
  if (owner === undefined || !owner.isDirectory() || owner.uid === 0) return;
  // Groups first: afterwards the right to change them is gone. Root's own groups would open files that are not the
  // owner's.
  setgroups?.([owner.gid]);
  if (keepRoot) {
    setegid?.(owner.gid);
    seteuid?.(owner.uid);
  } else {
    setgid?.(owner.gid);
    setuid?.(owner.uid);
  }
}
