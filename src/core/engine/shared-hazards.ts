/**
 * Hazards that several kinds share: requests that make the engine itself call MCP servers or run other tools, and
 * models that the engine forwards to another machine.
 *
 * An engine that runs tools for a client can reach places that the client cannot. The MCP fields are those of OpenAI's
 * Responses API (`tools[].type` of `mcp`), Anthropic's Messages API (`mcp_servers`, tools of type `mcp_toolset`), LM
 * Studio (`integrations`) and LocalAI (`metadata.mcp_servers`). Every kind watches them on every route, because the
 * routes on which an engine version uses them change too often for a list.
 */
import type { Hazard, HazardModel } from './engine-kind.ts';
import { isGiven, valuesOf, type WatchedFacts } from './watched-fields.ts';

export const mcpFields = ['tools[].type', 'integrations', 'mcp_servers', 'metadata.mcp_servers'] as const;
export type McpField = (typeof mcpFields)[number];

export function mcpHazard(facts: WatchedFacts<McpField>): Hazard | undefined {
  const runs =
    valuesOf(facts, 'tools[].type').some((type) => /mcp/i.test(type)) ||
    isGiven(facts, 'integrations') ||
    isGiven(facts, 'mcp_servers') ||
    isGiven(facts, 'metadata.mcp_servers');
  return runs ? { does: 'run MCP tools' } : undefined;
}

/** Tool types of the Responses API that vLLM and SGLang run themselves if they have a tool server. */
const serverTools: ReadonlySet<string> = new Set([
  '"mcp"',
  '"code_interpreter"',
  '"web_search"',
  '"web_search_preview"',
  '"browser"',
  '"container"',
]);

export function serverToolHazard(facts: WatchedFacts<'tools[].type'>): Hazard | undefined {
  return valuesOf(facts, 'tools[].type').some((type) => serverTools.has(type))
    ? { does: "run tools on the engine's machine" }
    : undefined;
}

export function remoteHazard(model: HazardModel | undefined, where: string): Hazard | undefined {
  return model?.remote === true ? { does: `send the prompt to ${where}` } : undefined;
}
