/** Shared pools, those who take part, and who owns whom, as the node tells them (wire.py). */
import { call, type Page, path, query, type Signed } from "./api";

export interface PoolTerms {
  /** Family of tasks -> units of price. */
  prices: { [family: string]: number };
  /** Client -> weight; 1 for whoever is not here. */
  weights: { [client: string]: number };
  charge: number;
  cap: number;
  independent: boolean;
}

export interface SharedPool {
  id: string;
  language: string;
  band: number;
  qualification: string;
  clients: number;
  annotators: number;
  /** Oldest first; each holds from the pool's entry with this number on. */
  policies: { effective_from: number; terms: PoolTerms }[];
  /** Number of the pool's next entry. */
  next: number;
}

export interface Party {
  id: string;
  role: "client" | "operator" | "provider";
  organization_id: string;
  name: string;
  record: string;
}

export interface PoolClient {
  client: string;
  name: string;
  state: "active" | "left";
  band: number;
  exposure: number;
  weight: number;
  backlogged: boolean;
}

export interface PoolAnnotator {
  member_id: string;
  name: string;
  entity: string;
  state: "active" | "ended";
  band: number;
  languages: string[];
  qualifications: string[];
  available: boolean;
  suspended: boolean;
}

export interface PooledProject {
  project_id: string;
  pool: string;
  family: string;
}

export interface NodePolicy {
  officers: { [id: string]: string };
  /** Shares in percent. */
  blocked: number;
  waiver: number;
  disclosed: number;
  common: number;
  late_days: number;
  skew_ms: number;
}

export interface Owner {
  record: string;
  /** recordId of its statement; "" of persons. */
  source: string;
  kind: "entity" | "person";
  form: string;
  name: string;
  role: string;
  /** Nobody can tell who owns it. */
  opaque: boolean;
}

export interface Stake {
  record: string;
  holder: string;
  held: string;
  economic: number | null;
  voting: number | null;
  offices: string[];
  effective: string;
  late: boolean;
}

/** What one party has in another; a share in units of 10^-8. */
export interface Link {
  holder: string;
  held: string;
  kind: "economic" | "voting" | "chief" | "board" | "contract";
  share: number;
}

/** How two parties stand to each other, by their names. */
export interface Connection {
  why: "same" | "opaque" | "control" | "share" | "office" | "contract" | "common" | "none";
  holder: string;
  held: string;
  share: number;
  links: Link[];
}

export interface Verdict {
  pool: string;
  client: string;
  client_name: string;
  entity: string;
  entity_name: string;
  grade: number;
  rival: boolean;
  blocked: boolean;
  sentence: string;
  rival_sentence: string;
  own: Connection;
  by_rival: Connection | null;
  records: string[];
  at: string;
  n: number;
}

export interface Ownership {
  owners: Owner[];
  stakes: Stake[];
  conflicts: Verdict[];
}

export interface Filed {
  accepted: number;
  late: string[];
  conflicts: number;
  recalled: number;
}

export type Act = "recall" | "suspend" | "readmit";
export type Reason = "safety" | "legal" | "error" | "abuse";

export interface Overrides {
  origin: string;
  officers: string[];
  /** Officer -> public key. */
  keys: { [officer: string]: string };
  items: { pool: string; n: number; act: Act; subject: string; reason: Reason; at: string }[];
}

const pool = (id: string, rest: string): string => `${path`/shared-pools/${id}`}/${rest}`;

export const listSharedPools = (): Promise<Page<SharedPool>> => call("GET", "/shared-pools");
export const openPool = (wanted: { language: string; band: number; qualification: string; terms: PoolTerms }): Promise<SharedPool> =>
  call("POST", "/shared-pools", wanted);
export const changeTerms = (id: string, terms: PoolTerms): Promise<SharedPool> => call("PUT", pool(id, "terms"), terms);
export const listParties = (): Promise<Page<Party>> => call("GET", "/parties");
export const admitClient = (organization_id: string, record: string): Promise<Party> =>
  call("POST", "/parties/clients", { organization_id, record });
export const admitEntity = (role: "provider" | "operator", organization_id: string, record: string): Promise<Party> =>
  call("POST", "/parties/entities", { role, organization_id, record });
export const listPoolClients = (id: string): Promise<Page<PoolClient>> => call("GET", pool(id, "clients"));
export const joinPool = (
  id: string,
  wanted: { organization_id: string; band: number; exposure: number; state: "active" | "left" },
): Promise<PoolClient> => call("POST", pool(id, "clients"), wanted);
export const listPoolAnnotators = (id: string): Promise<Page<PoolAnnotator>> => call("GET", pool(id, "annotators"));
export const enrol = (
  id: string,
  wanted: { member_id: string; languages: string[]; band: number; qualifications: string[]; state: "active" | "ended"; evidence?: string },
): Promise<PoolAnnotator> => call("POST", pool(id, "annotators"), wanted);
export const listPooled = (organization: string): Promise<Page<PooledProject>> =>
  call("GET", `/pooled-projects${query({ organization })}`);
export const poolProject = (project: string, wanted: { pool: string; family: string }): Promise<PooledProject> =>
  call("PUT", path`/projects/${project}/pool`, wanted);
export const getPolicy = (): Promise<NodePolicy> => call("GET", "/policy");
export const setPolicy = (policy: NodePolicy): Promise<NodePolicy> => call("PUT", "/policy", policy);
export const getOwnership = (organization?: string): Promise<Ownership> => call("GET", `/ownership${query({ organization })}`);
export const fileStatements = (statements: unknown[], organization_id: string | null): Promise<Filed> =>
  call("POST", "/ownership/statements", { statements, organization_id });
export const fileHolding = (holding: {
  holder: string;
  held: string;
  economic: number | null;
  voting: number | null;
  office: string;
  since: string;
  organization_id: string | null;
}): Promise<Filed> => call("POST", "/ownership/holdings", holding);
export const getRivals = (organization: string): Promise<{ records: string[] }> => call("GET", `/rivals${query({ organization })}`);
export const setRivals = (organization_id: string, records: string[], signed?: Signed): Promise<{ records: string[] }> =>
  call("PUT", "/rivals", { organization_id, records, ...(signed ? { signed } : {}) });
export const waive = (id: string, organization_id: string, entity: string, state: "given" | "withdrawn", signed?: Signed): Promise<unknown> =>
  call("POST", pool(id, "waivers"), { organization_id, entity, state, ...(signed ? { signed } : {}) });
export const getOverrides = (): Promise<Overrides> => call("GET", "/overrides");
export const override = (
  id: string,
  wanted: { act: Act; subject: string; reason: Reason; at: number; signatures: { key: string; sg: string }[] },
): Promise<void> => call("POST", pool(id, "overrides"), wanted);
