/**
 * Recognises a request that asks the engine itself to call MCP servers.
 *
 * Whoever runs MCP tools for a client reaches places that the client cannot. The fields are those of OpenAI's Responses
 * API (`tools[].type` of `mcp`), Anthropic's Messages API (`mcp_servers`, tools of type `mcp_toolset`), LM Studio
 * (`integrations`) and LocalAI (`metadata.mcp_servers`). They are looked for on every route of every kind: which route
 * of which engine version acts on them changes faster than a list could.
 */
import type { Hazard } from '../core/engine/engine.ts';
import type { BodyFacts } from '../core/engine/routes.ts';
import { isGiven, valuesOf } from '../core/engine/watched-fields.ts';

export function mcpHazard(facts: BodyFacts): Hazard | undefined {
  const runs =
    valuesOf(facts, 'tools[].type').some((type) => /mcp/i.test(type)) ||
    isGiven(facts, 'integrations') ||
    isGiven(facts, 'mcp_servers') ||
    isGiven(facts, 'metadata.mcp_servers');
  return runs ? { does: 'run MCP tools' } : undefined;
}
