/** What the node tells about itself: `wire.Neutrality`. */
export interface Share {
  readonly pool: string;
  readonly client: string;
  readonly weight: number;
  readonly leases: number;
  readonly service: number; // units of price
  readonly blocked: number; // providers in conflict
  readonly band: number; // mean
  readonly wait_ms: number; // mean
}

export interface Edge {
  readonly party: string;
  readonly subject: string;
  readonly type: string;
  readonly most: number; // units of 10^-8
}

export interface Witness {
  readonly name: string;
  readonly size: number;
  readonly seconds: number; // 0: never
  readonly reason: string; // "" when all is well
}

export interface Neutrality {
  readonly audited_at: string | null;
  readonly size: number;
  readonly summary: string;
  readonly found: { readonly [kind: string]: number };
  readonly operator_only: number;
  readonly windows: number;
  readonly between: number; // acts between the two phases of a draw that bore on it
  readonly slowest: number; // ms that the slowest second phase came after it could have been made
  readonly overrides: number;
  readonly late: number;
  readonly shares: readonly Share[];
  readonly edges: readonly Edge[];
  readonly witnesses: readonly Witness[];
  readonly cosigned_at: string | null; // when enough witnesses had cosigned last
  readonly stale: boolean; // longer ago than an auditor accepts
}
