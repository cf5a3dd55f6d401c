/**
 * Every repository of the domain together, as one adapter offers them: SQLite, memory, later PostgreSQL.
 * What each promises stands at its port in core and is held by `repository-contract.ts`.
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
