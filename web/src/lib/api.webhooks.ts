/** Webhooks and what is delivered to them, over HTTP. */
import { call, type Page, path, query } from "./api";

export interface Webhook {
  id: string;
  url: string;
  /** Of message; none: all. */
  kinds: string[];
  project_id: string | null;
  /** Its messages are held. */
  paused: boolean;
  created_at: string;
}

export type DeliveryState = "waiting" | "held" | "taken" | "given_up";

/** A message to another program, and how its last try ended. */
export interface Delivery {
  id: string;
  /** null: a callback of Scale's API. */
  webhook_id: string | null;
  kind: string;
  url: string;
  state: DeliveryState;
  tries: number;
  /** HTTP status of the last answer; null: none came. */
  status: number | null;
  reason: string;
  next_at: string | null;
  created_at: string;
}

export interface DeliveryDetail extends Delivery {
  /** What is sent, JSON; null: it is made when it is sent. */
  body: string | null;
  /** The beginning of what came back last. */
  answer: string;
}

export const listWebhooks = (organization: string): Promise<Page<Webhook>> => call("GET", `/webhooks${query({ organization })}`);
export const createWebhook = (wish: {
  url: string;
  kinds: string[];
  project_id: string | null;
  organization_id: string;
}): Promise<Webhook & { secret: string }> => call("POST", "/webhooks", wish);
export const pauseWebhook = (id: string, paused: boolean): Promise<Webhook> => call("PATCH", path`/webhooks/${id}`, { paused });
export const deleteWebhook = (id: string): Promise<void> => call("DELETE", path`/webhooks/${id}`);
export const listDeliveries = (
  organization: string,
  filter: { webhook?: string; state?: string },
  after?: string,
): Promise<Page<Delivery>> => call("GET", `/deliveries${query({ organization, ...filter, after, limit: 50 })}`);

export const getDelivery = (id: string): Promise<DeliveryDetail> => call("GET", path`/deliveries/${id}`);
export const replayDelivery = (id: string): Promise<Delivery> => call("POST", path`/deliveries/${id}/replay`);
