/** A clock of the machine that a test moves, for programs in processes of their own, by libfaketime (package faketime). */
import { existsSync, writeFileSync } from 'node:fs';

const places = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketimeMT.so.1`);

export interface FakeTime {
  /** The variables of each program that shall have this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Moves the clock away from the real time. A program notices within a second. Timers do not notice. */
  move(seconds: number): void;
}

/** Why there is no such clock here, else false: the `skip` of a test. */
export const noFakeTime = places.some((place) => existsSync(place))
  ? false
  : 'libfaketime is not installed (apt install faketime)';

/** `file` holds the offset. Undefined where libfaketime is missing. */
export function fakeTime(file: string): FakeTime | undefined {
  const library = places.find((place) => existsSync(place));
  if (library === undefined) return undefined;
  const move = (seconds: number): void => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  move(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    move,
  };
}
