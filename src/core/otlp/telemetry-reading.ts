/** Whether telemetry arrives, for status and metrics. */
export interface TelemetryReading {
  /** The base URL of the server, which holds no credential. */
  readonly endpoint: string;
  readonly traces: boolean;
  readonly metrics: boolean;
  /** Why the last attempt to send failed; absent if it succeeded, or nothing was sent yet. */
  readonly problem?: string;
  readonly spansSent: number;
  /** Requests whose spans were given up: the server was away, too slow, or refused them. */
  readonly requestsDropped: number;
}
