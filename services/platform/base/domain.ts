// The names that derive from the business domain. The platform knows no domain: services/domain.ts defines it, and createService
// passes it on.

export type Domain = {
  /** First segment of protobuf packages, subjects and event sources, prefix of stream names, `domain` of error details. */
  readonly domain: string;
  /** The id that log lines and spans of one piece of business work share, in snake_case. */
  readonly correlation: string;
};

/** The stream of a service: in the domain `acme`, `billing` has `ACME_BILLING`. */
export function streamOf({ domain }: Domain, service: string): string {
  return `${domain}_${service}`.toUpperCase();
}

/** The subjects that a service publishes: in the domain `acme`, `billing` has `acme.billing.v1.>`. */
export function subjectsOf({ domain }: Domain, service: string): string {
  return `${domain}.${service}.v1.>`;
}

/** The `ce-source` of a service's events: in the domain `acme`, `billing` has `/acme/billing`. */
export function eventSourceOf({ domain }: Domain, service: string): string {
  return `/${domain}/${service}`;
}
