/** People over HTTP: organizations, members, invites, API keys and signing keys. */
import { call, type ErasureReport, type Page, path, query, type Role, type Signed } from "./api";

export interface SigningKey {
  id: string;
  holder: string;
  public: string;
  place: [string, number];
  added_at: string;
  revoked_at: string | null;
  in_force: boolean;
}

/** The keys of one holder, the newest first, and what to write into statements. */
export interface SigningKeys {
  origin: string;
  holder: string;
  items: SigningKey[];
}

export type MemberState = "active" | "suspended" | "removed";

export type Scope = "read" | "annotate" | "manage";

export interface Member {
  id: string;
  name: string;
  email: string | null;
  role: Role;
  kind: "human" | "model";
  state: MemberState;
  created_at: string;
  submitted: number;
}

export interface Invite {
  id: string;
  purpose: "join" | "reset" | "signin";
  organization_name: string;
  role: Role | null;
  expires_at: string;
  name: string | null;
}

export interface Key {
  id: string;
  name: string;
  /** First characters, to recognise it by. */
  prefix: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

export interface Organization {
  id: string;
  name: string;
  created_at: string;
}

export const listOrganizations = (after?: string): Promise<Page<Organization>> =>
  call("GET", `/organizations${query({ after, limit: 200 })}`);
export const createOrganization = (name: string): Promise<{ organization: Organization; owner_invite: string }> =>
  call("POST", "/organizations", { name });
export const listMembers = (organization: string, after?: string): Promise<Page<Member>> =>
  call("GET", `/members${query({ organization, after, limit: 200 })}`);
export const createMember = (
  organization: string,
  member: { name: string; email?: string | null; role: Role; kind: "human" | "model" },
): Promise<Member & { api_key: string }> => call("POST", `/members${query({ organization })}`, member);

export const changeMember = (id: string, change: { role?: Role; state?: MemberState; name?: string }): Promise<Member> =>
  call("PATCH", path`/members/${id}`, change);
export const listInvites = (organization: string, after?: string): Promise<Page<Invite>> =>
  call("GET", `/invites${query({ organization, after, limit: 200 })}`);
export const createInvite = (
  organization: string,
  invite: { purpose: "join" | "reset"; role?: Role; member_id?: string; hours?: number },
): Promise<Invite & { url: string }> => call("POST", `/invites${query({ organization })}`, invite);

export const revokeInvite = (id: string): Promise<void> => call("DELETE", path`/invites/${id}`);
export const getInvite = (token: string): Promise<Invite> => call("GET", path`/invites/${token}`);
export const listKeys = (): Promise<Page<Key>> => call("GET", `/keys${query({ limit: 200 })}`);
export const createKey = (key: { name: string; scopes: Scope[]; days: number | null }): Promise<Key & { api_key: string }> =>
  call("POST", "/keys", key);
export const revokeKey = (id: string): Promise<void> => call("DELETE", path`/keys/${id}`);
export const eraseMember = (id: string): Promise<ErasureReport> => call("POST", path`/members/${id}/erase`, {});
/** The reader's own, or those of an organization as a client of an exchange. */
export const listSigningKeys = (organization?: string): Promise<SigningKeys> => call("GET", `/signing-keys${query({ organization })}`);
export const addSigningKey = (key: { public: string; proof: string; organization_id?: string; signed?: Signed }): Promise<SigningKey> =>
  call("POST", "/signing-keys", key);
export const revokeSigningKey = (id: string, organization_id?: string): Promise<SigningKey> =>
  call("POST", path`/signing-keys/${id}/revoke`, organization_id ? { organization_id } : {});
