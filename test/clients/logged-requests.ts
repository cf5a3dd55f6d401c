/**
 * The requests that the log of a proxy names.
 */
import assert from 'node:assert/strict';
import type { TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly keyLabel: string | null;
  readonly ending: string;
}

/** Waits until the one proxy that runs has logged `count` such requests; returns all requests until then. */
export function loggedRequests(
  cli: TestCli,
  wanted: Partial<LoggedRequest>,
  count = 1,
): Promise<readonly LoggedRequest[]> {
  return eventually(
    async () => {
      const ran = await cli.run('proxy', 'logs', '--json', '-n', '1000');
      assert.equal(ran.code, 0, ran.stderr);
      const lines = ran.stdout.trimEnd().split('\n');
      return lines
        .map((line) => JSON.parse(line) as LoggedRequest & { readonly msg: string })
        .filter(({ msg }) => msg === 'request');
    },
    (requests) => requests.filter((request) => matches(request, wanted)).length >= count,
  );
}

function matches(request: LoggedRequest, wanted: Partial<LoggedRequest>): boolean {
  const fields: Partial<Record<string, unknown>> = { ...request };
  return Object.entries(wanted).every(([name, value]) => fields[name] === value);
}
