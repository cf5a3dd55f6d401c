/**
 * The examination of `flm doctor`. It changes nothing: it reads the data, asks running proxies and engines, and returns
 * findings. A check that meets an error reports it; the others go on.
 */

import { capacityFindings, engineFindings, exposureFindings } from '../../core/doctor/engine-findings.ts';
import { keyFindings, proxyPolicyFindings, trustedProxyFindings } from '../../core/doctor/policy-findings.ts';
import { certificateFindings, versionFindings, warningFindings } from '../../core/doctor/proxy-findings.ts';
import {
  type CheckName,
  checkNames,
  type DoctorReport,
  type Finding,
  failure,
  reportOf,
} from '../../core/doctor/report.ts';
import { clockFindings } from '../../core/doctor/surroundings-findings.ts';
import { enginesOfProxies, enginesWithoutProxy } from '../../core/engine/seen-engines.ts';
import type { Environment } from '../../core/environment.ts';
import { FlmError } from '../../core/errors.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { parsePolicy } from '../../core/security/security-policy.ts';
import { shellWord } from '../../core/shell-word.ts';
import type { ValkeyAddress } from '../../core/store-settings.ts';
import { scheduleProblem } from '../backup/scheduled-create.ts';
import { crashesOf } from '../crashed-proxies.ts';
import { DatabaseTools } from '../database-tools.ts';
import { readCa } from '../fleet-limits.ts';
import { type Flm, openFlm } from '../flm.ts';
import { type Machine, thisMachine } from '../machine.ts';
import { ownMachine } from '../own-machine.ts';
import { dataFolderFindings } from './data-folder.ts';
import { heldPortFindings, httpPortProblems, publicNameFindings } from './surroundings.ts';

export interface DoctorOptions {
  readonly environment: Environment;
  /** The script that started this process. */
  readonly entry: string;
  readonly signal: AbortSignal;
}

const dayMs = 86_400_000;
/** The local CA lives for years, and every device must trust a new one. */
const authoritySoonMs = 30 * dayMs;

export async function examineMachine(options: DoctorOptions): Promise<DoctorReport> {
  const examination = new Examination(options);
  return examination.run();
}

class Examination {
  readonly #options: DoctorOptions;
  readonly #findings: Finding[] = [];
  readonly #done = new Set<CheckName>();

  constructor(options: DoctorOptions) {
    this.#options = options;
  }

  async run(): Promise<DoctorReport> {
    const { environment, entry } = this.#options;
    const { paths } = thisMachine(environment);
    // As the owner of the folder from here on; the environment then names the folder.
    let machine: Machine | undefined;
    await this.#check('data', `chmod 700 ${shellWord(paths.home)}`, async () => {
      machine = ownMachine(environment).machine;
      return dataFolderFindings(machine.paths.home);
    });
    if (machine !== undefined) {
      const own = machine;
      await this.#check('database', 'flm db status', () => databaseFindings(own.environment));
      await this.#check('backups', 'flm backup schedule show', () => backupFindings(own));
      await this.#check('limits', 'flm explain STORE_SETTINGS_INVALID', () => limiterFindings(own));
      await this.#check('proxies', undefined, async () => {
        const flm = await openFlm({ environment: own.environment, entry, withoutStore: true });
        try {
          return await this.#proxies(flm);
        } finally {
          await flm.close();
        }
      });
    }
    return reportOf({
      version: thisMachine(environment).version,
      nowMs: thisMachine(environment).clock.nowMs(),
      home: paths.home,
      findings: this.#findings,
      skipped: new Set(checkNames.filter((name) => !this.#done.has(name))),
    });
  }

  /** Everything that reads the store, asks proxies or asks engines. */
  async #proxies(flm: Flm): Promise<readonly Finding[]> {
    const { machine } = flm;
    const nowMs = machine.clock.nowMs();
    const views = await flm.proxies.status();
    await Promise.all([
      this.#check('certificates', 'flm cert show', async () => [
        ...certificateFindings(views, nowMs),
        ...(await storedCertificateFindings(flm, nowMs)),
        ...(await publicNameFindings(flm, views)),
        ...(await httpPortProblems(flm, views)),
      ]),
      this.#engines(flm),
      this.#check('policy', 'flm policy show', () => policyFindings(flm, views, nowMs)),
      this.#check('versions', undefined, () => versionFindings(views, machine.version)),
    ]);
    return [...warningFindings(views, await crashesOf(flm)), ...(await heldPortFindings(flm, views))];
  }

  async #engines(flm: Flm): Promise<void> {
    const { signal } = this.#options;
    const { discovery } = flm;
    await this.#check('engines', 'flm engine list', async () => {
      const watched = await enginesOfProxies(flm);
      const seen = (watched ?? (await enginesWithoutProxy(flm, signal))).map(({ status }) => status);
      await this.#check('exposure', 'flm engine list', async () => {
        // An engine that does not answer shows nothing.
        const answering = seen.filter(({ state, ref }) => state !== 'down' && ref.address.host !== '');
        const findings = await Promise.all(
          answering.map(async (status) => {
            const exposure = await discovery.exposure(status.ref, signal);
            return exposure === undefined ? [] : exposureFindings(status, exposure, process.platform);
          }),
        );
        return findings.flat();
      });
      await this.#check('clock', undefined, async () => {
        const clocks = await Promise.all(
          seen.map(async ({ ref }) => ({
            engine: ref.id,
            aheadMs: (await discovery.clockAhead(ref, signal)) ?? 0,
          })),
        );
        return clockFindings(clocks, process.platform);
      });
      return [...engineFindings(seen, watched !== undefined), ...capacityFindings(seen)];
    });
  }

  /** `command`: what fixes an error that the check meets; by default the explanation of its code. */
  async #check(
    name: CheckName,
    command: string | undefined,
    work: () => readonly Finding[] | Promise<readonly Finding[]>,
  ): Promise<void> {
    try {
      this.#findings.push(...(await work()));
      this.#done.add(name);
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      // The advice for a refusal of the system depends on its reason.
      this.#findings.push(failure(name, error, error.code === 'SYSTEM_REFUSED' ? undefined : command));
    }
  }
}

async function databaseFindings(environment: Environment): Promise<readonly Finding[]> {
  const tools = new DatabaseTools(environment);
  try {
    const { problem, storeKeyProblem, clockAheadMs: aheadMs = 0 } = await tools.status();
    return [
      ...[problem, storeKeyProblem].flatMap((found) =>
        found === undefined ? [] : [failure('database', found)],
      ),
      ...clockFindings([{ engine: undefined, aheadMs }], process.platform),
    ];
  } finally {
    await tools.close();
  }
}

/** Running proxies warn of the same, but there may be none. */
function backupFindings({ paths, clock }: Machine): readonly Finding[] {
  const message = scheduleProblem(paths.home, clock.nowMs());
  const command = 'flm backup schedule show';
  return message === undefined
    ? []
    : [{ code: 'BACKUP_OVERDUE', severity: 'warning', check: 'backups', subject: null, message, command }];
}

async function limiterFindings(machine: Machine): Promise<readonly Finding[]> {
  const { valkey } = machine.stores();
  if (valkey === undefined) return [];
  const problem = await valkeyProblem(valkey, machine);
  if (problem === undefined) return [];
  return [
    {
      code: 'LIMITER_UNREACHABLE',
      severity: 'error',
      check: 'limits',
      subject: null,
      message: `The server in FLM_VALKEY_URL does not answer (${problem}); start it, or correct the URL.`,
      command: 'flm explain STORE_SETTINGS_INVALID',
    },
  ];
}

/** Returns why no connection can be made; undefined if one was made. The link limits the time itself. */
async function valkeyProblem(address: ValkeyAddress, { clock }: Machine): Promise<string | undefined> {
  const { RedisLink } = await import('../../valkey/redis-link.ts');
  const ca = address.caFile === undefined ? undefined : readCa(address.caFile);
  const link = new RedisLink({ address, ca, clock });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  link.open('doctor', { up: () => resolve(undefined), down: resolve, message: () => {} });
  const problem = await promise;
  link.close();
  return problem;
}

async function storedCertificateFindings(
  { certificates }: Pick<Flm, 'certificates'>,
  nowMs: number,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const common = { severity: 'warning', check: 'certificates', subject: null } as const;
  const authority = await certificates.findAuthority();
  if (authority !== undefined && authority.expiresAtMs - nowMs < authoritySoonMs)
    findings.push({
      ...common,
      code: 'AUTHORITY_EXPIRES_SOON',
      message: `The local CA expires at ${new Date(authority.expiresAtMs).toISOString()}; renew it, and let your devices trust the new one.`,
      command: 'flm cert authority renew',
    });
  for (const { file, damage } of await certificates.leaves())
    if (damage !== undefined)
      findings.push({
        ...common,
        code: 'CERTIFICATE_DAMAGED',
        message: `The certificate file ${file} cannot be used; the next start of its profile creates a new one.`,
        command: 'flm cert show',
      });
  return findings;
}

async function policyFindings(
  { security }: Pick<Flm, 'security'>,
  views: readonly ProxyView[],
  nowMs: number,
): Promise<readonly Finding[]> {
  const base = await security.policy();
  const ofProxies = views.flatMap((view) =>
    'status' in view
      ? [
          {
            proxy: view.handle.id,
            profile: view.handle.profile,
            reach: view.status.reach,
            policy: parsePolicy({ ...base, ...view.status.config.policy }),
          },
        ]
      : [],
  );
  const { keys, lastUseProblem } = await security.listKeys();
  const unknown: readonly Finding[] =
    lastUseProblem === undefined ? [] : [failure('policy', lastUseProblem, 'flm db status')];
  return [
    ...trustedProxyFindings(base),
    ...ofProxies.flatMap(({ policy }) => trustedProxyFindings(policy)),
    ...ofProxies.flatMap((one) => proxyPolicyFindings(one)),
    ...unknown,
    ...keyFindings({ keys, policy: base, lastUseKnown: lastUseProblem === undefined, nowMs }),
  ];
}
