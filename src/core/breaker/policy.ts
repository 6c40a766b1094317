/** When a breaker opens, and how it lets work through again. */
export interface BreakerPolicy {
  /** It opens when at least this part of the attempts within the window failed. Above 0, at most 1. */
  readonly ratio: number;
  /** Attempts within the window before the ratio counts. At least 1. */
  readonly minimum: number;
  readonly windowMs: number;
  /** How long an open breaker lets nothing through, and how long it waits for what became of its probes. */
  readonly probeEveryMs: number;
  /** Node runs that are tried first. All of them must do. */
  readonly probes: number;
  /** Node runs of the first wave after that; every wave is twice as large as the one before. */
  readonly firstWave: number;
  /** A wave whose outcomes are not all known is followed by the next one after this long. */
  readonly waveMs: number;
  /** Whether failures that no other attempt would mend count too. */
  readonly countsPermanent: boolean;
}

export const DEFAULT_BREAKER: BreakerPolicy = {
  ratio: 0.5,
  minimum: 10,
  windowMs: 30_000,
  probeEveryMs: 10_000,
  probes: 3,
  firstWave: 10,
  waveMs: 5_000,
  countsPermanent: false,
};
