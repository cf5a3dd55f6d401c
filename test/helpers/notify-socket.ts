/**
 * Plays systemd's notification socket, because Node has no Unix datagram sockets: a Python program that receives the
 * messages of `systemd-notify`. It can kill the process that a `MAINPID=` names, and it confirms that message only when
 * the process is gone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

/** Why these tests cannot run here; false if they can. */
export const noNotifySocket: string | false =
  existsSync('/usr/bin/systemd-notify') && spawnSync('python3', ['--version']).status === 0
    ? false
    : 'needs systemd-notify and python3';

/** `systemd-notify` waits until the descriptor that it sends after a message is closed. */
const program = `
import os, signal, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
kill_from = int(sys.argv[2])
print("listening", flush=True)
count = 0
while True:
    text = sock.recv(65536).decode()
    pids = [line[8:] for line in text.split("\\n") if line.startswith("MAINPID=")]
    for pid in pids:
        count += 1
        if count == kill_from:
            os.kill(int(pid), signal.SIGKILL)
            while os.path.exists("/proc/" + pid): pass
        print(pid, flush=True)
`;

export interface NotifySocket {
  readonly path: string;
  /** The processes that were named as the main process, in order. */
  readonly mainPids: readonly number[];
  /** Resolves when `count` main processes were named. */
  named(count: number): Promise<void>;
}

/** `kills`: which of the `MAINPID=` messages, from 1, kills the process that it names. */
export async function listenForNotify(t: TestContext, path: string, kills = 0): Promise<NotifySocket> {
  const child = spawn('python3', ['-c', program, path, String(kills)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const mainPids: number[] = [];
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    path,
    mainPids,
    async named(count) {
      while (mainPids.length < count) mainPids.push(Number((await lines.next()).value));
    },
  };
}
