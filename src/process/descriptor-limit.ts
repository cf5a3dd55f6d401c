/**
 * How many file descriptors this process may have open. Node raises the soft limit to the hard one when it starts.
 */
import { readFileSync } from 'node:fs';

/** Undefined where the system does not tell, or sets no limit. */
export function descriptorLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return line === null ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}
