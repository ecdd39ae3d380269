// The business domain of the services. Rename it here, and the packages in proto/, to build another platform from this project.
import type { Domain } from './platform/base/domain.ts';

export const DOMAIN: Domain = { domain: 'shop', correlation: 'order_id' };
