/**
 * Examples for the OpenAPI document and the reference: values of required parameters and bodies that work once the things
 * that they name exist. Operations that remove something name other things than the rest.
 */

/** By name of the parameter. */
const parameters: Readonly<Record<string, string>> = {
  key: 'laptop',
  share: 'sh_4fQ2mX8vKz1c',
  engine: 'box',
  alias: 'fast',
  request: 'req_7Yk2mX8vKz1c',
  proxy: 'default',
  profile: 'lab',
  client: 'opencode',
};

/** By operation, where another value is needed. */
const parametersOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  deleteKey: { key: 'old-laptop' },
  revokeKey: { key: 'lost-phone' },
  rotateKey: { key: 'tablet' },
  deleteEngine: { engine: 'old-box' },
  deleteAlias: { alias: 'old-name' },
  deleteProfile: { profile: 'old-lab' },
};

const bodies: Readonly<Record<string, unknown>> = {
  createKey: { label: 'phone', models: ['qwen*'], limits: { requestsPerMinute: 60, tokensPerDay: 200_000 } },
  checkKeyTable: { csv: 'label,owner\nben,ben@example.org\n' },
  importKeys: { csv: 'label,owner\nanna,anna@example.org\n' },
  changeKey: { limits: { requestsPerMinute: 30 } },
  rotateKey: { overlapSeconds: 86_400 },
  createShare: { label: 'friend', limits: { tokensPerDay: 50_000 } },
  replacePolicy: { requestsPerMinute: 600 },
  checkPolicy: { ip: '192.168.1.7', key: 'laptop', model: 'qwen3:8b' },
  checkLockOut: { allowIps: ['192.168.1.0/24'] },
  createEngine: { url: 'http://127.0.0.1:8000', slots: 4 },
  changeEngine: { slots: 8 },
  testEngine: {},
  testEngineAddress: { url: 'http://127.0.0.1:8000' },
  setAlias: { target: 'qwen3:8b' },
  replaceProfile: { graceMs: 60_000, publicHosts: ['llm.example.org'] },
  renewCertificates: {},
  checkConnection: {},
  chat: { model: 'qwen3:8b', messages: [{ role: 'user', content: 'Why is the sky blue?' }] },
  replaceRetention: { hourlyDays: 90, dailyDays: 1_096, auditDays: 366 },
};

export function exampleParameter(operation: string, name: string): string | undefined {
  return parametersOf[operation]?.[name] ?? parameters[name];
}

export function exampleBody(operation: string): unknown {
  return bodies[operation];
}
