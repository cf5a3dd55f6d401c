/** Profiles: the saved settings of proxies. `local-only.ts` says which settings are read-only here. */
import { z } from 'zod';
import { AdminError } from '../../core/errors.ts';
import { isOpen, localChanges } from '../../core/proxy/local-only.ts';
import {
  type ProfileSettings,
  profileDocument,
  profileDocumentSchema,
  profileFields,
  profileSettings,
} from '../../core/proxy/profile-document.ts';
import { profileNamePattern } from '../../core/proxy/profile-name.ts';
import {
  type ProxyConfig,
  type ProxyConfigInput,
  parseProxyConfig,
  proxyConfigSchema,
} from '../../core/proxy/proxy-config.ts';
import { type Operation, type OperationContext, operation } from '../operation.ts';
import { pageOf, pageQuery, pageSchema } from '../paging.ts';

const path = z.strictObject({
  profile: z.string().regex(profileNamePattern, { error: 'lower-case letters, digits and dashes' }),
});

const localOnly = (Object.keys(proxyConfigSchema.shape) as (keyof ProxyConfig)[]).filter(
  (name) => !isOpen(name),
);

const detailedSchema = z
  .strictObject({
    ...profileFields,
    effective: proxyConfigSchema.describe('The settings with the defaults of all others.'),
    localOnly: z.array(z.string()).readonly().describe('Settings that the admin API does not change.'),
  })
  .meta({ id: 'DetailedProfile' });

export const profileOperations: readonly Operation[] = [
  operation({
    id: 'listProfiles',
    method: 'GET',
    path: '/profiles',
    tag: 'profiles',
    summary: 'List saved profiles.',
    scope: 'admin:read',
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageSchema(profileDocumentSchema),
    async run({ services, caller }, { query }) {
      const [profiles, handles] = await Promise.all([
        services.profiles(caller).list(),
        services.proxies(caller).list(),
      ]);
      const documents = profiles.map((profile) => profileDocument(profile, profile.name, handles));
      return pageOf(documents, ({ name }) => name, query);
    },
  }),
  operation({
    id: 'getProfile',
    method: 'GET',
    path: '/profiles/{profile}',
    tag: 'profiles',
    summary: 'Show a profile, with defaults. The profile `default` exists even if it was never saved.',
    scope: 'admin:read',
    params: path,
    status: 200,
    response: detailedSchema,
    errors: ['PROFILE_NOT_FOUND', 'PROXY_INVALID_CONFIG'],
    current: detailed,
    run: (context, input) => detailed(context, input.path),
  }),
  operation({
    id: 'replaceProfile',
    method: 'PUT',
    path: '/profiles/{profile}',
    tag: 'profiles',
    summary:
      'Save a profile, replacing all its settings. Settings of the machine (`localOnly`) must stay as they are. Running proxies apply it at their next restart.',
    scope: 'admin',
    params: path,
    body: proxyConfigSchema,
    bodyAsSent: true,
    status: 200,
    response: detailedSchema,
    errors: ['PROFILE_NOT_FOUND', 'PROFILE_INVALID', 'PROXY_INVALID_CONFIG', 'LOCAL_ONLY'],
    current: detailed,
    async run(context, { path: { profile }, body }) {
      const { services, caller } = context;
      // `bodyAsSent`: the body without defaults, which the schema has accepted.
      const config = body as ProxyConfigInput;
      const saved = await savedSettings(context, profile);
      const after = proxyConfigSchema.safeParse(config);
      const check = (before: ProxyConfigInput | undefined): void => {
        // `save` reports the faults of settings that are not valid.
        if (after.success) refuse(localChanges(parseProxyConfig(before ?? {}), after.data), profile);
      };
      check(saved?.config);
      // Checked again as it is saved: a command may have changed these settings meanwhile.
      await services.profiles(caller).save(profile, config, check);
      return detailed(context, { profile });
    },
  }),
  operation({
    id: 'deleteProfile',
    method: 'DELETE',
    path: '/profiles/{profile}',
    tag: 'profiles',
    summary: 'Delete a profile without settings of the machine. A proxy that runs from it continues to run.',
    scope: 'admin',
    params: path,
    status: 204,
    errors: ['PROFILE_NOT_FOUND', 'PROXY_INVALID_CONFIG', 'LOCAL_ONLY'],
    current: detailed,
    async run(context, { path: { profile } }) {
      const { services, caller } = context;
      const { config } = await services.profiles(caller).load(profile);
      const before = parseProxyConfig(config);
      const engines = before.engines.filter((e) => e.apiKey !== undefined || e.caFile !== undefined);
      // A proxy that restarts without these settings would listen elsewhere, or admit clients that must be kept out.
      const lost = localChanges(before, proxyConfigSchema.parse({}));
      refuse([...lost, ...(engines.length > 0 ? ['engines'] : [])], profile, 'delete');
      await services.profiles(caller).delete(profile);
      return undefined;
    },
  }),
];

function refuse(fields: readonly string[], profile: string, verb: 'save' | 'delete' = 'save'): void {
  if (fields.length === 0) return;
  const command =
    verb === 'save' ? `flm profile save ${profile} --help` : `flm profile delete ${profile} --yes`;
  throw new AdminError('LOCAL_ONLY', { params: { fields: fields.join(', '), command } });
}

/** Undefined for `default` if it was never saved, and for a profile that does not exist. */
async function savedSettings({ services, caller }: OperationContext, name: string) {
  const profiles = await services.profiles(caller).list();
  return profiles.find((profile) => profile.name === name);
}

/** Throws PROFILE_NOT_FOUND. */
async function detailed(
  context: OperationContext,
  { profile: name }: { readonly profile: string },
): Promise<ProfileSettings & { readonly effective: ProxyConfig; readonly localOnly: readonly string[] }> {
  const saved = await savedSettings(context, name);
  if (saved === undefined && name !== 'default') await context.services.profiles(context.caller).load(name);
  const settings = profileSettings(saved, name);
  return { ...settings, effective: parseProxyConfig(settings.config), localOnly };
}
