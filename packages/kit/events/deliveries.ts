// The orders in which a broker may bring events to a handler that must get along with each of them.

/** `once`: each event once, in order. `redelivered`: each comes again. `reordered`: later ones come first. */
export type Delivery = 'once' | 'redelivered' | 'reordered';

/** One run of a handler: the events it is given, in this order. */
export type Schedule<T> = {
  readonly delivery: Delivery;
  readonly events: readonly T[];
};

/**
 * Returns the runs for a delivery. Redelivered: each event twice in a row, and all of them once more at the end.
 * Reordered: backwards, and each event in turn as the last one to come.
 *
 * @throws {TypeError} when a single event is to be reordered.
 */
export function planDeliveries<T>(events: readonly T[], delivery: Delivery): Schedule<T>[] {
  switch (delivery) {
    case 'once':
      return [{ delivery, events }];
    case 'redelivered':
      return [{ delivery, events: [...events.flatMap((event) => [event, event]), ...events] }];
    case 'reordered': {
      if (events.length < 2) throw new TypeError('deliveries: a single event cannot be reordered');
      const delayed = events.slice(0, -1).map((event) => [...events.filter((other) => other !== event), event]);
      const orders = events.length === 2 ? delayed : [events.toReversed(), ...delayed];
      return orders.map((order) => ({ delivery, events: order }));
    }
  }
}
