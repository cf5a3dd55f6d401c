/**
 * All repositories of the domain, as one database implements them: SQLite today, PostgreSQL later.
 * Each port in core states its guarantees; `test/contracts/repository-contract.ts` tests them.
 */
import type { ProxyRepository } from '../core/proxy/ports.ts';
import type {
  AuditRepository,
  EngineRepository,
  SecurityRepository,
  UsageRepository,
} from '../core/security/ports.ts';

export interface Repositories {
  readonly proxies: ProxyRepository;
  readonly security: SecurityRepository;
  readonly engines: EngineRepository;
  readonly audit: AuditRepository;
  readonly usage: UsageRepository;
}
